import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** All of ours hang below one name, so that a sweep finds them and nothing else. */
export const CGROUP_NAME = 'rgrid';

export function readCgroupFile(directory: string, file: string): string | null {
  try {
    return readFileSync(`${directory}/${file}`, 'utf8').trim();
  } catch {
    return null;
  }
}

export function writeCgroupFile(directory: string, file: string, value: string): void {
  writeFileSync(`${directory}/${file}`, value);
}

/** For files that older kernels or other configurations do not have. */
export function tryWriteCgroupFile(directory: string, file: string, value: string): boolean {
  try {
    writeCgroupFile(directory, file, value);
    return true;
  } catch {
    return false;
  }
}

export function readCgroupNumber(directory: string, file: string): number | null {
  const text = readCgroupFile(directory, file);
  if (text === null || !/^\d+$/.test(text)) return null;
  return Number(text);
}

/** A value from a `key value` file such as memory.events. */
export function readCgroupField(directory: string, file: string, key: string): number | null {
  const text = readCgroupFile(directory, file) ?? '';
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? null : Number(line.slice(key.length + 1));
}

export function listCgroupPids(directory: string): number[] {
  const text = readCgroupFile(directory, 'cgroup.procs') ?? '';
  return text.split('\n').filter(Boolean).map(Number);
}

export function makeCgroupDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true });
}

/** Fails when it exists: two executions of one name would be killed as one. */
export function makeNewCgroupDirectory(directory: string): void {
  mkdirSync(directory);
}

/** Plain rmdir: files in a cgroup cannot be deleted and go with it. */
export function removeCgroupDirectoryNow(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Still populated or already gone; a sweep takes what is left.
  }
}

function killAll(directory: string): void {
  // A cgroup that may not fork cannot outrun the loop. cgroup.kill (Linux 5.14) needs no loop.
  tryWriteCgroupFile(directory, 'pids.max', '0');
  if (existsSync(`${directory}/cgroup.kill`) && tryWriteCgroupFile(directory, 'cgroup.kill', '1'))
    return;
  for (const pid of listCgroupPids(directory)) {
    // 0 stands for a process outside our pid namespace; -1 and 0 would signal ourselves.
    if (pid <= 1) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone between the listing and the signal.
    }
  }
}

const EMPTY_DEADLINE_MS = 5_000;

export async function emptyCgroupDirectory(directory: string): Promise<void> {
  const deadline = Date.now() + EMPTY_DEADLINE_MS;
  let pauseMs = 1;
  while (listCgroupPids(directory).length > 0 && Date.now() < deadline) {
    killAll(directory);
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 2, 50);
  }
}

/** rmdir says EBUSY for a moment after the last process died, while the kernel reaps it. */
export async function removeCgroupDirectory(directory: string): Promise<void> {
  const deadline = Date.now() + EMPTY_DEADLINE_MS;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    try {
      return await rmdir(directory);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code; // rmdir only throws system errors
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || Date.now() > deadline) return;
    }
    await delay(pauseMs);
    await emptyCgroupDirectory(directory);
  }
}
