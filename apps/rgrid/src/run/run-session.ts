import { resolve } from 'node:path';

import type { GridApi } from '../api/grid-api.ts';
import type { Context } from '../context.ts';
import type { OutputsSource } from '../outputs/outputs-source.ts';
import type { Screen } from '../terminal/screen.ts';
import type { Interruption } from './interruption.ts';
import type { PreparedRun } from './prepare-run.ts';

/** What the parts of one `rgrid run` share. */
export interface RunSession {
  context: Context;
  api: GridApi;
  prepared: PreparedRun;
  screen: Screen;
  interruption: Interruption;
}

/** What this side knows of files that outputs may meet. */
export function knownHere({
  context,
  prepared,
}: Pick<RunSession, 'context' | 'prepared'>): Pick<OutputsSource, 'home' | 'sent'> {
  const { project } = prepared.plan;
  return {
    home: context.home,
    sent: async (path) => prepared.sentEntry(project.manifestPath(path)),
  };
}

/** Where outputs go: `--output-dir`, or for a batch ./outputs and for a single run the project itself. */
export function outputFolder({ prepared }: Pick<RunSession, 'prepared'>): string {
  const { project, options, inputs } = prepared.plan;
  if (options.outputDir !== undefined) return resolve(project.cwd, options.outputDir);
  return inputs ? resolve(project.cwd, 'outputs') : project.root;
}

/** A cancelled run is gone within ten seconds; after these nobody waits for it any longer. */
const CANCEL_WAIT_MS = 15_000;

export interface CancelWatch {
  /** Aborted when there is nothing to follow any more: detached, or cancelled for long enough. */
  over: AbortSignal;
  hasCancelled(): boolean;
  stop(): void;
}

/** Cancels the batch as soon as it is asked for, and bounds the wait for its end. */
export function watchCancel(session: RunSession, batchId: string): CancelWatch {
  const { interruption, api, screen } = session;
  const giveUp = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const cancel = async () => {
    timer = setTimeout(() => giveUp.abort(), CANCEL_WAIT_MS);
    if (!session.context.stdout.isClosed) await screen.say('cancelling…');
    try {
      await api.cancelBatch(batchId);
    } catch (error) {
      await screen.warn(
        `could not cancel ${batchId}: ${error instanceof Error ? error.message : String(error)}`,
      );
      giveUp.abort();
    }
  };
  const onCancel = () => void cancel();
  if (interruption.cancelled.aborted) onCancel();
  else interruption.cancelled.addEventListener('abort', onCancel, { once: true });
  return {
    over: AbortSignal.any([interruption.detached, giveUp.signal]),
    hasCancelled: () => interruption.cancelled.aborted,
    stop: () => {
      clearTimeout(timer);
      interruption.cancelled.removeEventListener('abort', onCancel);
    },
  };
}
