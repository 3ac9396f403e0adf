import type { Execution } from '@nexus/grid/contract';

import { plural, printable } from '../terminal/text.ts';
import { describeEnd } from './outcome.ts';
import type { RunSession } from './run-session.ts';

/** Says of a single run what its own output and exit code do not. */
export async function explainEnd(
  { screen, context }: Pick<RunSession, 'screen' | 'context'>,
  execution: Execution,
): Promise<void> {
  const { state, exitCode, reason, logs } = execution;
  if (context.stdout.isClosed) return;
  if (logs.droppedBytes > 0) {
    await screen.warn(
      `${plural(logs.droppedBytes, 'byte')} of its output were dropped: it printed more than --max-log keeps`,
    );
  }
  // The script ended by itself and has printed its own reasons.
  const isPlain = state === 'succeeded' || (state === 'failed' && exitCode !== null);
  if (!isPlain) await screen.warn(`${execution.id} ${printable(describeEnd(execution))}`);
  else if (reason !== null) await screen.warn(printable(reason));
}
