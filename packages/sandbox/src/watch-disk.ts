import { statfsSync } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

const FIRST_MS = 100;
const SLOWEST_MS = 2_000;
/** At most a tenth of the time goes into walking. */
const REST_PER_WALK = 10;
/** Others freeing space can hide growth from statfs, so the tree is walked now and then anyway. */
const BLIND_WALK_MS = 10_000;

interface TreeSize {
  bytes: number;
  /** Held by files older than the execution: nothing it can be blamed for. */
  oldBytes: number;
}

async function measureEntry(path: string, bornBeforeMs: number, size: TreeSize): Promise<void> {
  const stat = await lstat(path).catch(() => null);
  if (stat === null) return;
  // Blocks, not sizes: a sparse file of a terabyte takes no room. A file with n names counts once.
  const bytes = (stat.blocks * 512) / (stat.isDirectory() ? 1 : Math.max(1, stat.nlink));
  size.bytes += bytes;
  if (stat.birthtimeMs < bornBeforeMs) size.oldBytes += bytes;
  if (stat.isDirectory()) await measureDirectory(path, bornBeforeMs, size);
}

async function measureDirectory(path: string, bornBeforeMs: number, size: TreeSize): Promise<void> {
  const directory = await opendir(path).catch(() => null);
  if (directory === null) return;
  // One entry at a time keeps memory and open files constant for a million files.
  for await (const entry of directory)
    await measureEntry(join(path, entry.name), bornBeforeMs, size);
}

async function measureRoots(roots: readonly string[], bornBeforeMs: number): Promise<TreeSize> {
  const size: TreeSize = { bytes: 0, oldBytes: 0 };
  for (const root of roots) await measureDirectory(root, bornBeforeMs, size).catch(() => undefined);
  return size;
}

function freeBytes(root: string): number {
  try {
    const stat = statfsSync(root);
    return stat.bavail * stat.bsize;
  } catch {
    return 0;
  }
}

export interface DiskWatch {
  roots: readonly string[];
  limitBytes: number;
  startedAtMs: number;
  onExceeded(): void;
}

/**
 * How much the roots grew since the start. A free-space reading per file system costs
 * microseconds and decides whether a walk is worth it; most executions never walk.
 */
export function watchDisk(watch: DiskWatch): { finish(): Promise<boolean>; stop(): void } {
  const freeAtStart = watch.roots.map((root) => freeBytes(root));
  let baselineBytes: number | null = null;
  let lastWalkMs = watch.startedAtMs;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  const largestDrop = (): number =>
    Math.max(0, ...watch.roots.map((root, index) => (freeAtStart[index] ?? 0) - freeBytes(root)));

  const isExceeded = async (): Promise<boolean> => {
    lastWalkMs = Date.now();
    const size = await measureRoots(watch.roots, watch.startedAtMs);
    baselineBytes ??= size.oldBytes;
    // A single file is stopped by RLIMIT_FSIZE at exactly the limit.
    return size.bytes - baselineBytes >= watch.limitBytes;
  };
  const isWorthAWalk = (): boolean =>
    largestDrop() >= watch.limitBytes / 2 || Date.now() - lastWalkMs >= BLIND_WALK_MS;

  const check = async (intervalMs: number): Promise<void> => {
    const begin = performance.now();
    const exceeded = isWorthAWalk() && (await isExceeded());
    if (isStopped) return;
    if (exceeded) return watch.onExceeded();
    const tookMs = performance.now() - begin;
    schedule(Math.max(Math.min(intervalMs * 1.5, SLOWEST_MS), tookMs * REST_PER_WALK));
  };
  const schedule = (intervalMs: number): void => {
    timer = setTimeout(() => void check(intervalMs), intervalMs);
  };
  if (watch.roots.length > 0) schedule(FIRST_MS);

  const stop = (): void => {
    isStopped = true;
    clearTimeout(timer);
  };
  return {
    stop,
    /** The last word, for scripts that filled the disk and ended between two looks. */
    async finish() {
      stop();
      return watch.roots.length > 0 && largestDrop() >= watch.limitBytes / 2 && isExceeded();
    },
  };
}
