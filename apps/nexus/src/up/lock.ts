import { open, readFile, rm } from 'node:fs/promises';

import { systemErrorCode } from '@nexus/kit/errors';

import type { Home } from '../home.ts';
import { Problem } from '../problem.ts';

export interface Lock {
  release(): Promise<void>;
}

interface Holder {
  pid: number;
  /** A number is given again after a while; together with the start time it is unique. */
  startedAt: string;
}

/** One platform a home. Throws a Problem that names the one that runs already. */
export async function takeLock(home: Home): Promise<Lock> {
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    if (await writeLock(home.lockFile))
      return { release: () => rm(home.lockFile, { force: true }) };
    const holder = await readHolder(home.lockFile);
    if (holder && (await isAlive(holder))) {
      throw new Problem(
        `the platform in ${home.folder} is running already (process ${holder.pid}); stop it first, or set NEXUS_HOME to another folder`,
      );
    }
    // Left behind by a platform that was killed.
    await rm(home.lockFile, { force: true });
  }
  throw new Problem(`${home.lockFile} is being taken by another start; try again`);
}

async function writeLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(
      JSON.stringify({ pid: process.pid, startedAt: await startTime(process.pid) }),
    );
    await file.close();
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value))
      return undefined;
    return typeof value.pid === 'number' && typeof value.startedAt === 'string'
      ? { pid: value.pid, startedAt: value.startedAt }
      : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
  return (await startTime(holder.pid)) === holder.startedAt;
}

/** Field 22 of /proc/PID/stat; '' where there is no /proc. */
async function startTime(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may hold spaces: fields are counted from its end.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
