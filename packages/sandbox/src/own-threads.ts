import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { isRoot, scriptIds } from './sandbox-owner.ts';

/**
 * RLIMIT_NPROC counts all threads of a user, whoever started them; only since Linux 5.14 does it
 * count a user namespace by itself. Elsewhere what already runs is added to the limit.
 */
export function countsByNamespace(kernel: string = release()): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  return process.platform === 'linux' && (major > 5 || (major === 5 && minor >= 14));
}

async function countFromProc(uid: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const counts = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      const isOwn = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? -1) === uid;
      return isOwn ? Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 1) : 0;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function countFromPs(uid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('/bin/ps', ['-U', String(uid), '-o', 'pid=']);
  return stdout.split('\n').filter(Boolean).length;
}

const KEPT_MS = 1_000;

/** How many threads the scripts' user has now, give or take a second. */
export function createThreadCounter(): () => Promise<number> {
  const { uid } = scriptIds();
  let last: { at: number; count: Promise<number> } | null = null;
  return () => {
    const now = performance.now();
    if (last === null || now - last.at > KEPT_MS) {
      const count = process.platform === 'linux' ? countFromProc(uid) : countFromPs(uid);
      last = { at: now, count };
    }
    return last.count;
  };
}

/**
 * What to add to a sandbox's process limit when no cgroup holds it. Root makes no user namespace,
 * so there all scripts share one count.
 */
export async function countForeignThreads(count: () => Promise<number>): Promise<number> {
  return !isRoot() && countsByNamespace() ? 0 : count();
}
