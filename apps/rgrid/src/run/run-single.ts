import type { Execution, LogEvent } from '@nexus/grid/contract';

import { EXIT, type ExitCode } from '../exit-codes.ts';
import { logStream } from '../logs/log-stream.ts';
import { hasOutputs } from '../outputs/has-outputs.ts';
import { explainEnd } from './explain-end.ts';
import { exitCodeOf } from './outcome.ts';
import {
  outputFolder,
  knownHere,
  watchCancel,
  type CancelWatch,
  type RunSession,
} from './run-session.ts';
import { giveWaitingNotices } from './waiting-notices.ts';

export interface SingleResult {
  exitCode: ExitCode;
  /** undefined: left running. */
  execution: Execution | undefined;
  outputs: string[];
}

/** Follows one execution to its end: its output live, its outputs back, its exit code. */
export async function followSingle(session: RunSession, batchId: string): Promise<SingleResult> {
  const executionId = `${batchId}-0`;
  const watch = watchCancel(session, batchId);
  try {
    const execution = await new LogFollower(session, executionId, watch).run();
    // What has ended cannot be cancelled: from here on the person can only leave.
    watch.stop();
    if (!execution)
      return { exitCode: await explainUnfinished(session, executionId), execution, outputs: [] };
    return await finish(session, execution);
  } finally {
    watch.stop();
  }
}

async function finish(session: RunSession, execution: Execution): Promise<SingleResult> {
  const { screen, prepared, interruption } = session;
  await explainEnd(session, execution);
  const exitCode = session.context.stdout.isClosed ? EXIT.brokenPipe : exitCodeOf(execution);
  if (prepared.plan.options.isRemoteOnly || !hasOutputs(execution))
    return { exitCode, execution, outputs: [] };
  try {
    interruption.departed.throwIfAborted();
    return { exitCode, execution, outputs: await bringBack(session, execution) };
  } catch (error) {
    if (interruption.departed.aborted) return leaveOutputs(session, execution, exitCode);
    // The script's own failure is what the caller has to know; a lost output matters if it succeeded.
    if (exitCode === EXIT.ok) throw error;
    await screen.warn(error instanceof Error ? error.message : String(error));
    return { exitCode, execution, outputs: [] };
  }
}

async function leaveOutputs(
  { screen, interruption }: RunSession,
  execution: Execution,
  exitCode: ExitCode,
): Promise<SingleResult> {
  await screen.warn(`what it made stays on the platform: rgrid download ${execution.id}`);
  const wasCancelled = interruption.cancelled.aborted && exitCode === EXIT.ok;
  return { exitCode: wasCancelled ? EXIT.interrupted : exitCode, execution, outputs: [] };
}

async function bringBack(session: RunSession, execution: Execution): Promise<string[]> {
  // Many scripts only print; these modules are loaded for the others.
  const { fetchOutputs } = await import('../outputs/fetch-outputs.ts');
  const { TransferBar } = await import('../terminal/transfer-bar.ts');
  const { gridOutputs } = await import('../outputs/outputs-source.ts');
  const { reportOutputs } = await import('../outputs/report-outputs.ts');
  const bar = new TransferBar(session.screen, 'fetching', execution.outputs?.sizeBytes ?? 0);
  const source = gridOutputs(session.api, knownHere(session), {
    onBytes: (count) => bar.onBytes(count),
    signal: session.interruption.departed,
  });
  try {
    const report = await fetchOutputs(source, { execution, folder: outputFolder(session) });
    await reportOutputs(session.screen, report);
    return report.placed;
  } finally {
    await bar.finish();
  }
}

async function explainUnfinished(
  { screen, interruption }: RunSession,
  id: string,
): Promise<ExitCode> {
  if (interruption.cancelled.aborted) {
    await screen.warn(
      `${id} has not stopped yet; the platform goes on stopping it (rgrid status ${id})`,
    );
    return EXIT.interrupted;
  }
  await screen.warn(
    `${id} goes on without you\nfollow it:       rgrid logs -f ${id}\nget its outputs: rgrid download ${id}\nstop it:         rgrid cancel ${id}`,
  );
  return EXIT.ok;
}

/** Prints the log of one execution as it grows, over cut connections and new attempts. */
class LogFollower {
  readonly #session: RunSession;
  readonly #id: string;
  readonly #watch: CancelWatch;
  readonly #started = new AbortController();
  #epoch = 0;

  constructor(session: RunSession, id: string, watch: CancelWatch) {
    this.#session = session;
    this.#id = id;
    this.#watch = watch;
  }

  /** The execution as it ended; undefined if it was left before. */
  async run(): Promise<Execution | undefined> {
    const { api, screen } = this.#session;
    const notices = giveWaitingNotices({
      getExecution: () => api.getExecution(this.#id),
      say: (text) => screen.say(text),
      firstMs: 1000,
      everyMs: 2000,
      signal: this.#started.signal,
    });
    try {
      return await this.#follow();
    } catch (error) {
      if (this.#watch.over.aborted) return undefined;
      throw error;
    } finally {
      this.#started.abort();
      await notices;
      await screen.settle();
    }
  }

  async #follow(): Promise<Execution | undefined> {
    const { api, screen } = this.#session;
    const events = logStream(api, {
      executionId: this.#id,
      isFollowing: true,
      signal: this.#watch.over,
      say: (text) => screen.say(text),
    });
    for await (const event of events) {
      if (event.type === 'end') return event.execution;
      if (event.type === 'attempt') await this.#onAttempt(event.epoch);
      if (event.type === 'chunk') await this.#onChunk(event);
    }
    return undefined;
  }

  async #onChunk({ chunk }: Extract<LogEvent, { type: 'chunk' }>): Promise<void> {
    const { screen, context, interruption } = this.#session;
    this.#started.abort();
    const data = Buffer.from(chunk.data, 'base64');
    if (chunk.stream === 'stdout') await screen.scriptStdout(data);
    else await screen.scriptStderr(data);
    // A script here would die of SIGPIPE at its next write; there it is cancelled.
    if (context.stdout.isClosed) interruption.requestCancel();
  }

  async #onAttempt(epoch: number): Promise<void> {
    const previous = this.#epoch;
    this.#epoch = epoch;
    if (previous === 0 || previous === epoch) return;
    const { api, screen } = this.#session;
    const execution = await api.getExecution(this.#id).catch(() => undefined);
    const why =
      (execution?.retriesUsed ?? 0) > 0
        ? `retry ${execution?.retriesUsed} after a failure`
        : 'its worker was lost';
    await screen.say(`${this.#id} starts again from the beginning: ${why}`);
  }
}
