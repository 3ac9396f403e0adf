import type { Execution } from '@nexus/grid/contract';

import { plural, printable } from '../terminal/text.ts';
import { describeEnd, signalOf } from './outcome.ts';
import type { RunSession } from './run-session.ts';

/** Says of an execution what its own output and exit code do not. */
export async function explainEnd(
  { screen, context }: Pick<RunSession, 'screen' | 'context'>,
  execution: Execution,
): Promise<void> {
  const { id, state, exitCode, reason, logs } = execution;
  if (context.stdout.isClosed) return;
  if (logs.droppedBytes > 0) {
    await screen.warn(
      `${plural(logs.droppedBytes, 'byte')} of the output of ${id} were dropped: it printed more than --max-log keeps`,
    );
  }
  // A script that ended by itself has printed its own reasons.
  const hasExited = state === 'failed' && exitCode !== null && signalOf(exitCode) === undefined;
  if (state !== 'succeeded' && !hasExited)
    await screen.warn(`${id} ${printable(describeEnd(execution))}`);
  else if (reason !== null) await screen.warn(`${id}: ${printable(reason)}`);
}
