import { readFile } from 'node:fs/promises';
import type { ProcessRow } from './process-table.ts';

const SAMPLE_MS = 100;

async function readProportionalBytes(row: ProcessRow): Promise<number> {
  const text = await readFile(`/proc/${row.pid}/smaps_rollup`, 'utf8').catch(() => '');
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(text)?.[1];
  return kilobytes === undefined ? row.residentBytes : Number(kilobytes) * 1024;
}

/**
 * Resident sizes count a page once for every process that shares it, so forked workers look
 * larger than they are. The exact share costs far more to read and is asked only near the limit.
 */
async function measureBytes(rows: readonly ProcessRow[], limitBytes: number): Promise<number> {
  const resident = rows.reduce((sum, row) => sum + row.residentBytes, 0);
  if (resident <= limitBytes || process.platform !== 'linux') return resident;
  const shares = await Promise.all(rows.map(readProportionalBytes));
  return shares.reduce((sum, bytes) => sum + bytes, 0);
}

export interface MemoryWatch {
  limitBytes: number;
  measure(): Promise<readonly ProcessRow[]>;
  onExceeded(): void;
}

/** Stands in for a memory cgroup; a script faster than one sample can overshoot. */
export function watchMemory(watch: MemoryWatch): { stop(): void; maxBytes(): number } {
  let maxBytes = 0;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const sample = async (): Promise<void> => {
    const bytes = await measureBytes(await watch.measure(), watch.limitBytes);
    maxBytes = Math.max(maxBytes, bytes);
    if (isStopped) return;
    if (bytes > watch.limitBytes) watch.onExceeded();
    schedule();
  };
  const schedule = (): void => {
    // A listing that failed once is no reason to stop watching.
    timer = setTimeout(() => void sample().catch(schedule), SAMPLE_MS);
  };
  schedule();
  return {
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
    maxBytes: () => maxBytes,
  };
}
