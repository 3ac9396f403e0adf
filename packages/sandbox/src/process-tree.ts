import { setTimeout as delay } from 'node:timers/promises';
import type { Cgroup } from './cgroup.ts';
import type { ProcessMark } from './process-mark.ts';
import { listDescendants, type ProcessRow, type ProcessTable } from './process-table.ts';

/**
 * The script's processes as seen from the worker. Two shapes: `namespace`, where the launcher's
 * only child is init of a pid namespace and takes everything with it when it dies, and `group`,
 * where nothing holds the processes together but their group, session and cgroup.
 */
export interface ProcessTree {
  /** SIGTERM to the script's processes, not to the launcher. */
  terminate(): Promise<void>;
  /** SIGKILL to everything. Called again until the launcher has gone. */
  kill(): Promise<void>;
  /** After the launcher's exit: ends what outlived it. Resolves when nothing is left. */
  finish(): Promise<void>;
  /** What the script's processes hold in memory, for machines without cgroups. */
  measure(): Promise<readonly ProcessRow[]>;
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  // 0 and negative numbers would reach the worker's own group.
  if (pid <= 1) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the listing and the signal.
  }
}

export interface TreeContext {
  launcherPid: number;
  cgroup: Cgroup | null;
  processes: ProcessTable;
  /** Finds, where there is no cgroup, who left the tree. */
  mark?: ProcessMark;
}

const SHARED_LISTING_MS = 40;
const KILL_PAUSE_MS = 20;

/** Of a launcher that could not be started. Process 0, which its pid would read as, has everybody for descendants. */
export const emptyTree: ProcessTree = {
  terminate: () => Promise.resolve(),
  kill: () => Promise.resolve(),
  finish: () => Promise.resolve(),
  measure: () => Promise.resolve([]),
};

/** A launcher makes its init within milliseconds; one that has not by then is stuck. */
const INIT_DEADLINE_MS = 1_000;

/** Ends an init whose launcher was killed before init could ask to die with it. */
async function killOrphans({ launcherPid, cgroup, processes, mark }: TreeContext): Promise<void> {
  if (cgroup !== null) return cgroup.empty();
  for (;;) {
    const rows = await processes(0);
    const marked = mark?.filterMarked(rows);
    const orphans = rows.filter(
      (row) => row.groupId === launcherPid || marked?.has(row.pid) === true,
    );
    if (orphans.length === 0) return;
    for (const row of orphans) sendSignal(row.pid, 'SIGKILL');
    await delay(KILL_PAUSE_MS);
  }
}

export function namespaceTree(context: TreeContext): ProcessTree {
  const { launcherPid, cgroup, processes } = context;
  let firstKillMs: number | null = null;
  let isLauncherKilled = false;
  const listInside = async (
    maxAgeMs: number,
  ): Promise<{ init: ProcessRow | undefined; scripts: ProcessRow[] }> => {
    const [init, ...rest] = listDescendants(await processes(maxAgeMs), launcherPid);
    return { init, scripts: init === undefined ? [] : rest };
  };
  return {
    async terminate() {
      const { scripts } = await listInside(0);
      for (const row of scripts) sendSignal(row.pid, 'SIGTERM');
    },
    // Init's death ends the namespace, and the launcher then sees it end. Killed between its fork
    // and the moment init is tied to it, a launcher would leave the whole namespace running.
    async kill() {
      firstKillMs ??= performance.now();
      const { init } = await listInside(0);
      if (init !== undefined) return sendSignal(init.pid, 'SIGKILL');
      if (performance.now() - firstKillMs < INIT_DEADLINE_MS) return;
      isLauncherKilled = true;
      sendSignal(launcherPid, 'SIGKILL');
    },
    async finish() {
      if (cgroup !== null || isLauncherKilled) await killOrphans(context);
    },
    async measure() {
      return (await listInside(SHARED_LISTING_MS)).scripts;
    },
  };
}

/**
 * Daemons leave the tree by forking twice and calling setsid; the mark finds them. Where there is
 * none (macOS) who was seen in one listing is known in the next, with the groups it made, and a
 * daemon faster than two listings escapes.
 */
function groupMembers(launcherPid: number, mark: ProcessMark | undefined) {
  let known = new Map<number, string | null>();
  let groups = new Set<number>([launcherPid]);
  return (rows: readonly ProcessRow[]): ProcessRow[] => {
    const marked = mark?.filterMarked(rows);
    const descendants = new Set(listDescendants(rows, launcherPid).map((row) => row.pid));
    const members = rows.filter(
      (row) =>
        descendants.has(row.pid) ||
        marked?.has(row.pid) === true ||
        groups.has(row.groupId) ||
        (known.has(row.pid) && known.get(row.pid) === row.startTime),
    );
    known = new Map(members.map((row) => [row.pid, row.startTime]));
    groups = new Set([launcherPid, ...members.map((row) => row.groupId)]);
    return members;
  };
}

export function groupTree({ launcherPid, cgroup, processes, mark }: TreeContext): ProcessTree {
  const findMembers = groupMembers(launcherPid, mark);
  const list = async (maxAgeMs: number): Promise<ProcessRow[]> => {
    const rows = await processes(maxAgeMs);
    if (cgroup === null) return findMembers(rows);
    const pids = new Set(cgroup.listPids());
    return rows.filter((row) => pids.has(row.pid));
  };
  const signalAll = async (signal: NodeJS.Signals): Promise<number> => {
    const rows = await list(0);
    for (const row of rows) sendSignal(row.pid, signal);
    return rows.length;
  };
  return {
    async terminate() {
      await signalAll('SIGTERM');
    },
    async kill() {
      sendSignal(launcherPid, 'SIGKILL');
      await signalAll('SIGKILL');
    },
    async finish() {
      if (cgroup !== null) return cgroup.empty();
      while ((await signalAll('SIGKILL')) > 0) await delay(KILL_PAUSE_MS);
    },
    measure: () => list(SHARED_LISTING_MS),
  };
}
