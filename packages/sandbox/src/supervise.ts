import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { CgroupUsage } from './cgroup.ts';
import { decideOutcome, type StopReason } from './decide-outcome.ts';
import type { RunningSandbox, SandboxExit, SandboxSpec } from './driver.ts';
import type { ProcessTree } from './process-tree.ts';
import { watchDisk } from './watch-disk.ts';
import { watchMemory } from './watch-memory.ts';

/** Whether the script came to run, and what its launcher said otherwise. */
export interface LaunchReport {
  isReady: boolean;
  error: string;
}

export interface Launched {
  spec: SandboxSpec;
  /** Before the first process was started: what is older was there before. */
  startedAtMs: number;
  tree: ProcessTree;
  stdout: Readable;
  stderr: Readable;
  /** The launcher's exit code. Never rejects. */
  exited: Promise<number>;
  /**
   * Asked once the tree is gone, never before: a launcher killed while it forks leaves an orphan
   * that holds its pipe open.
   */
  report(): Promise<LaunchReport>;
  /** Asked once, after the end. null: nothing counts here, so memory is watched. */
  usage: (() => Promise<CgroupUsage>) | null;
  /** Frees what the driver holds for this execution. */
  release(): Promise<void>;
}

const KILL_AGAIN_MS = 25;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A reader that destroys its stream has ended it as well. */
async function waitForEnd(stream: Readable): Promise<void> {
  await finished(stream, { writable: false }).catch(() => undefined);
}

interface Stopper {
  stop(reason: StopReason, graceMs: number): void;
  reason(): StopReason | null;
  /** No more signals: the launcher has gone. */
  settle(): void;
}

function createStopper(tree: ProcessTree): Stopper {
  let reason: StopReason | null = null;
  let isSettled = false;
  let timer: NodeJS.Timeout | undefined;
  // Once more and again: a process forked between listing and signal would live on.
  const kill = async (): Promise<void> => {
    await tree.kill().catch(() => undefined);
    schedule(KILL_AGAIN_MS);
  };
  const schedule = (delayMs: number): void => {
    if (!isSettled) timer = setTimeout(() => void kill(), delayMs);
  };
  return {
    stop(why, graceMs) {
      if (reason !== null || isSettled) return;
      reason = why;
      if (graceMs > 0) void tree.terminate().catch(() => undefined);
      schedule(graceMs);
    },
    reason: () => reason,
    settle() {
      isSettled = true;
      clearTimeout(timer);
    },
  };
}

function startWatches(launched: Launched, stopper: Stopper) {
  const { spec, tree } = launched;
  const { limits } = spec;
  const timeout = setTimeout(
    () => stopper.stop('timed_out', spec.killGraceMs),
    Math.min(limits.timeoutMs, LONGEST_TIMER_MS),
  );
  const disk = watchDisk({
    roots: spec.diskRoots,
    limitBytes: limits.diskBytes,
    startedAtMs: launched.startedAtMs,
    onExceeded: () => stopper.stop('disk_full', 0),
  });
  const memory =
    launched.usage === null
      ? watchMemory({
          limitBytes: limits.memoryBytes,
          measure: () => tree.measure(),
          onExceeded: () => stopper.stop('out_of_memory', 0),
        })
      : null;
  return {
    disk,
    memory,
    stop(): void {
      clearTimeout(timeout);
      disk.stop();
      memory?.stop();
    },
  };
}

async function superviseToEnd(launched: Launched, stopper: Stopper): Promise<SandboxExit> {
  const startedAt = performance.now();
  const watches = startWatches(launched, stopper);
  const streams = Promise.all([waitForEnd(launched.stdout), waitForEnd(launched.stderr)]);

  const exitCode = await launched.exited;
  const wallMs = performance.now() - startedAt;
  stopper.settle();
  watches.stop();
  await launched.tree.finish().catch(() => undefined);
  const isDiskExceeded = await watches.disk.finish().catch(() => false);
  const { isReady, error } = await launched.report();
  await streams;

  const usage = await launched.usage?.();
  await launched.release();
  const facts = { exitCode, isReady, launcherError: error, isDiskExceeded };
  return {
    outcome: decideOutcome({
      ...facts,
      stopReason: stopper.reason(),
      oomKills: usage?.oomKills ?? 0,
    }),
    wallMs,
    cpuMs: usage?.cpuMs ?? null,
    maxMemoryBytes: usage?.maxMemoryBytes ?? (watches.memory?.maxBytes() || null),
  };
}

export function supervise(launched: Launched): RunningSandbox {
  const stopper = createStopper(launched.tree);
  return {
    stdout: launched.stdout,
    stderr: launched.stderr,
    exited: superviseToEnd(launched, stopper),
    cancel: () => stopper.stop('cancelled', launched.spec.killGraceMs),
  };
}
