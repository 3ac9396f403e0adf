import { setTimeout as sleep } from 'node:timers/promises';

import type { Execution } from '@nexus/grid/contract';

import { hasEnded } from './outcome.ts';

export interface WaitingNoticesOptions {
  getExecution: () => Promise<Execution>;
  say: (text: string) => Promise<void>;
  /** Shorter waits are not worth a word. */
  firstMs: number;
  everyMs: number;
  signal: AbortSignal;
}

/** Says why a run does not start, again only when the reason changes, until `signal` ends it. */
export async function giveWaitingNotices(options: WaitingNoticesOptions): Promise<void> {
  const { signal, say } = options;
  let said = '';
  let delayMs = options.firstMs;
  while (!signal.aborted) {
    await sleep(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    delayMs = options.everyMs;
    // The stream of the log tells of real trouble; a notice that cannot be had is none.
    const execution = await options.getExecution().catch(() => undefined);
    if (execution === undefined || signal.aborted) continue;
    if (hasEnded(execution.state)) return;
    const notice = describeWaiting(execution);
    if (notice !== undefined && notice !== said) await say(notice);
    said = notice ?? said;
  }
}

export function describeWaiting({ id, state, waiting, workerName }: Execution): string | undefined {
  if (waiting) return `${id} is waiting: ${waiting.message}`;
  if (state === 'leased') return `${id} is getting ready on ${workerName ?? 'a worker'}`;
  return undefined;
}
