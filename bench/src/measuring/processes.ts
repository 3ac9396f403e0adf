import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second for every program that asks through /proc. */
const TICK_MS = 10;

interface Stat {
  parent: number;
  /** CPU of the process and of its children that have ended and were waited for. */
  ownMs: number;
  endedChildrenMs: number;
}

function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces: fields are counted from its end.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const at = (index: number) => fields[index] ?? 0;
    return {
      parent: at(1),
      ownMs: (at(11) + at(12)) * TICK_MS,
      endedChildrenMs: (at(13) + at(14)) * TICK_MS,
    };
  } catch {
    return undefined;
  }
}

/** The process and everything below it. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? readStat(pid) : undefined;
    if (!stat) continue;
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** CPU used so far by these processes, without that of their children. */
export function cpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (readStat(pid)?.ownMs ?? 0), 0);
}

/** CPU of children that have ended and were waited for. */
export function endedChildrenCpuMs(pid: number): number {
  return readStat(pid)?.endedChildrenMs ?? 0;
}

/** CPU of everything that ran below a process and has ended, also below children that live on. */
export function endedBelowCpuMs(root: number): number {
  return processTree(root).reduce((sum, pid) => sum + endedChildrenCpuMs(pid), 0);
}

export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

export interface Memory {
  /** Pages shared with others counted in part: these can be summed. */
  pssBytes: number;
  rssBytes: number;
}

export function memoryOf(pid: number): Memory {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const field = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
    return { pssBytes: field('Pss'), rssBytes: field('Rss') };
  } catch {
    return { pssBytes: 0, rssBytes: 0 };
  }
}

/** The most memory the process has held at once so far. */
export function peakRssBytes(pid: number): number {
  try {
    return (
      Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) *
      1024
    );
  } catch {
    return 0;
  }
}
