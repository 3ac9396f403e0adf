import { readFileSync } from 'node:fs';
import type { ProcessRow } from './process-table.ts';

/**
 * A number every descendant of a script carries, whatever session or parent it gave itself: its
 * limit on resident memory, which Linux has not enforced since 2.4 but still inherits and shows.
 * It finds daemons where there is neither a cgroup nor a pid namespace.
 */
export interface ProcessMark {
  /** For `ulimit -m`, in KiB. */
  readonly kilobytes: number;
  filterMarked(rows: readonly ProcessRow[]): ReadonlySet<number>;
}

/** Above any memory there is, below what a limit can hold. */
const BASE_KB = 2 ** 42;

function readResidentLimit(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/limits`, 'utf8');
    return /^Max resident set\s+(\S+)/m.exec(text)?.[1] ?? null;
  } catch {
    return null;
  }
}

type LimitReader = (rows: readonly ProcessRow[]) => ReadonlyMap<number, string | null>;

/** A process has its limit from birth, so all executions together ask each process once. */
function createLimitReader(): LimitReader {
  let known = new Map<number, { startTime: string | null; limit: string | null }>();
  return (rows) => {
    const seen: typeof known = new Map();
    for (const row of rows) {
      const last = known.get(row.pid);
      const isKnown = last !== undefined && last.startTime === row.startTime;
      const limit = isKnown ? last.limit : readResidentLimit(row.pid);
      seen.set(row.pid, { startTime: row.startTime, limit });
    }
    known = seen;
    return new Map([...seen].map(([pid, entry]) => [pid, entry.limit]));
  };
}

function createMark(counter: number, readLimits: LimitReader): ProcessMark {
  // Unique on the machine: workers have different pids.
  const kilobytes = BASE_KB + process.pid * 2 ** 18 + (counter % 2 ** 18);
  const bytes = String(kilobytes * 1024);
  return {
    kilobytes,
    filterMarked(rows) {
      const marked = [...readLimits(rows)].filter(([, limit]) => limit === bytes);
      return new Set(marked.map(([pid]) => pid));
    },
  };
}

/** One mark per execution; none where /proc does not show limits. */
export function createMarks(): () => ProcessMark | undefined {
  const readLimits = createLimitReader();
  let counter = 0;
  return () => (process.platform === 'linux' ? createMark((counter += 1), readLimits) : undefined);
}

/** A line for the launcher's shell. */
export function setMark(mark: ProcessMark | undefined): string {
  return mark === undefined ? '' : `ulimit -m ${mark.kilobytes}\n`;
}
