import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

export interface ProcessRow {
  pid: number;
  parentPid: number;
  groupId: number;
  residentBytes: number;
  /** Tells a reused pid from the process that had it; null where ps does not tell it. */
  startTime: string | null;
}

/** Lists all processes; callers content with a listing of that age share it. */
export type ProcessTable = (maxAgeMs: number) => Promise<readonly ProcessRow[]>;

/** 4 KiB nearly everywhere, 16 or 64 KiB on some ARM kernels; Node does not tell. */
function readPageBytes(): number {
  const smaps = readFileSync('/proc/self/smaps', 'utf8');
  return Number(/^KernelPageSize:\s+(\d+) kB$/m.exec(smaps)?.[1] ?? 4) * 1024;
}

/** /proc/PID/stat; the command name in brackets may hold anything, hence the last bracket. */
export function parseProcStat(pid: number, text: string, pageBytes = 4096): ProcessRow | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 22 || fields[0] === 'Z') return null;
  return {
    pid,
    parentPid: Number(fields[1]),
    groupId: Number(fields[2]),
    residentBytes: Number(fields[21]) * pageBytes,
    startTime: fields[19] ?? null,
  };
}

function readStat(pid: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
}

/** Synchronous on purpose: /proc never waits for a disk, and a promise per file costs ten times the read. */
function readProcTable(pageBytes: number): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const name of readdirSync('/proc')) {
    const text = /^\d+$/.test(name) ? readStat(name) : null;
    const row = text === null ? null : parseProcStat(Number(name), text, pageBytes);
    if (row !== null) rows.push(row);
  }
  return rows;
}

/** `ps -A -o pid=,ppid=,pgid=,rss=,stat=`, the columns Linux and macOS both have. */
export function parsePs(text: string): ProcessRow[] {
  return text.split('\n').flatMap((line) => {
    const [pid, parentPid, groupId, residentKb, state] = line.trim().split(/\s+/);
    if (state === undefined || state.startsWith('Z')) return [];
    return [
      {
        pid: Number(pid),
        parentPid: Number(parentPid),
        groupId: Number(groupId),
        residentBytes: Number(residentKb) * 1024,
        startTime: null,
      },
    ];
  });
}

async function readPsTable(ps: string): Promise<ProcessRow[]> {
  const { stdout } = await promisify(execFile)(ps, ['-A', '-o', 'pid=,ppid=,pgid=,rss=,stat='], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return parsePs(stdout);
}

function tableReader(ps: string | undefined): () => Promise<ProcessRow[]> {
  if (process.platform !== 'linux') return () => readPsTable(ps ?? '/bin/ps');
  const pageBytes = readPageBytes();
  return () => Promise.resolve(readProcTable(pageBytes));
}

export function createProcessTable(ps: string | undefined): ProcessTable {
  const read = tableReader(ps);
  let last: { at: number; rows: Promise<readonly ProcessRow[]> } | null = null;
  return (maxAgeMs) => {
    const now = performance.now();
    if (last === null || now - last.at > maxAgeMs) last = { at: now, rows: read() };
    return last.rows;
  };
}

/** All descendants of a process, nearest first, without itself. */
export function listDescendants(rows: readonly ProcessRow[], rootPid: number): ProcessRow[] {
  if (rootPid <= 0) return [];
  const childrenOf = Map.groupBy(rows, (row) => row.parentPid);
  const found: ProcessRow[] = [];
  const queue = [rootPid];
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    const children = childrenOf.get(pid) ?? [];
    found.push(...children);
    queue.push(...children.map((row) => row.pid));
  }
  return found;
}
