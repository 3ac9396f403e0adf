import { readFile } from 'node:fs/promises';
import type { ProcessRow } from './process-table.ts';

/**
 * A number every descendant of a script carries, whatever session or parent it gave itself: its
 * limit on resident memory, which Linux has not enforced since 2.4 but still inherits and shows.
 * It finds daemons where there is neither a cgroup nor a pid namespace.
 */
export interface ProcessMark {
  /** For `ulimit -m`, in KiB. */
  readonly kilobytes: number;
  filterMarked(rows: readonly ProcessRow[]): Promise<ReadonlySet<number>>;
}

/** Above any memory there is, below what a limit can hold. */
const BASE_KB = 2 ** 42;

async function readResidentLimit(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/limits`, 'utf8').catch(() => '');
  return /^Max resident set\s+(\S+)/m.exec(text)?.[1] ?? null;
}

export function createMark(counter: number): ProcessMark {
  // Unique on the machine: workers have different pids.
  const kilobytes = BASE_KB + process.pid * 2 ** 18 + (counter % 2 ** 18);
  const bytes = String(kilobytes * 1024);
  let known = new Map<number, { startTime: string | null; isMarked: boolean }>();
  return {
    kilobytes,
    async filterMarked(rows) {
      const seen: typeof known = new Map();
      await Promise.all(
        rows.map(async (row) => {
          const last = known.get(row.pid);
          // A process has the mark from its birth or never, so each is asked once.
          const isKnown = last !== undefined && last.startTime === row.startTime;
          const isMarked = isKnown ? last.isMarked : (await readResidentLimit(row.pid)) === bytes;
          seen.set(row.pid, { startTime: row.startTime, isMarked });
        }),
      );
      known = seen;
      return new Set([...known].filter(([, entry]) => entry.isMarked).map(([pid]) => pid));
    },
  };
}
