import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from './logger.ts';

export interface BackgroundLoop {
  /** Ends the loop and waits for the step under way. */
  stop(): Promise<void>;
}

/** Repeats `step` every `intervalMs` until stopped. A failing step is logged and tried again. */
export function startLoop(
  options: { name: string; intervalMs: number; logger: Logger },
  step: (signal: AbortSignal) => Promise<void>,
): BackgroundLoop {
  const controller = new AbortController();
  const { signal } = controller;
  const finished = (async () => {
    while (!signal.aborted) {
      try {
        await step(signal);
      } catch (error) {
        if (!signal.aborted)
          options.logger.warn({ loop: options.name, err: error }, 'background step failed');
      }
      await sleep(options.intervalMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      controller.abort();
      await finished;
    },
  };
}
