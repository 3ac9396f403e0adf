import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Program {
  command: string;
  args: readonly string[];
  environment: NodeJS.ProcessEnv;
  /** What it prints is added to this file. */
  log: string;
  /** From one start to the next; the last one holds for all that follow. */
  restartDelaysMs?: readonly number[];
}

/** As the worker's unit says: RestartSec, RestartSteps, RestartMaxDelaySec. */
const RESTART_DELAYS_MS: readonly number[] = [1000, 2000, 4000, 8000, 15_000, 30_000];

/** Keeps a program running as its unit would; `stop` pulls the plug. */
export function startUnit(program: Program): { stop(): Promise<void> } {
  const { restartDelaysMs = RESTART_DELAYS_MS } = program;
  const stopping = new AbortController();
  let child = spawnProgram(program);
  const keepRunning = async (): Promise<void> => {
    for (let restarts = 0; ; restarts += 1) {
      // It may be for another architecture, and never start.
      await once(child, 'close').catch(() => undefined);
      const delayMs = restartDelaysMs[restarts] ?? restartDelaysMs.at(-1);
      await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      child = spawnProgram(program);
    }
  };
  const ended = keepRunning();
  return {
    stop: async () => {
      stopping.abort();
      killGroup(child);
      await ended;
    },
  };
}

function spawnProgram({ command, args, environment, log }: Program): ChildProcess {
  const file = openSync(log, 'a', 0o600);
  try {
    return spawn(command, args, {
      // A pipe nobody writes to: its end tells the program that the whole cloud is gone, however it went.
      stdio: ['pipe', file, file],
      // A process group of its own, to be killed as one.
      detached: true,
      env: environment,
    });
  } finally {
    closeSync(file);
  }
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
}
