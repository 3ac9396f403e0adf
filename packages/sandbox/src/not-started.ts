import { Readable } from 'node:stream';
import type { RunningSandbox } from './driver.ts';

/** An execution that ended before it began. */
export function notStarted(reason: string): RunningSandbox {
  return {
    stdout: Readable.from([]),
    stderr: Readable.from([]),
    exited: Promise.resolve({
      outcome: { kind: 'not_started', reason },
      wallMs: 0,
      cpuMs: null,
      maxMemoryBytes: null,
    }),
    cancel: () => undefined,
  };
}

export function notStartedBecause(error: unknown): RunningSandbox {
  return notStarted(error instanceof Error ? error.message : String(error));
}
