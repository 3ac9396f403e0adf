import { relative } from 'node:path';

import type {
  BatchEvent,
  Execution,
  LogChunk,
  StateCounts,
  SubmitReply,
} from '@nexus/grid/contract';

import { EXIT, type ExitCode } from '../exit-codes.ts';
import { logStream } from '../logs/log-stream.ts';
import { BatchOutputs } from '../outputs/batch-outputs.ts';
import { layoutItem, outputFolders } from '../outputs/layout.ts';
import { gridOutputs } from '../outputs/outputs-source.ts';
import { Problem } from '../problem.ts';
import { plainProgress, renderProgress, type BatchProgress } from '../terminal/progress-bar.ts';
import type { ScriptPiece } from '../terminal/screen.ts';
import { plural, printable, quoted } from '../terminal/text.ts';
import { activityOf, watchSlots } from './batch-activity.ts';
import { batchExitCode, failureLines, summaryLine, tally, type Failure } from './batch-result.ts';
import { describeEnd, hasEnded } from './outcome.ts';
import { reconnecting } from '../api/reconnect.ts';
import {
  outputFolder,
  knownHere,
  watchCancel,
  type CancelWatch,
  type RunSession,
} from './run-session.ts';
import { giveWaitingNotices } from './waiting-notices.ts';

/** Follows a batch to its end: what each execution printed as it ends, outputs back, a summary. */
export async function followBatchRun(session: RunSession, reply: SubmitReply): Promise<ExitCode> {
  await sayAttached(session, reply);
  const watch = watchCancel(session, reply.batchId);
  try {
    return await new BatchFollower(session, reply, watch).run();
  } finally {
    watch.stop();
  }
}

async function sayAttached({ screen, prepared }: RunSession, reply: SubmitReply): Promise<void> {
  const total = prepared.submission.executions.length;
  if (reply.isAttached) {
    const again = reply.requeued > 0 ? `, ${reply.requeued} run again` : '';
    await screen.say(
      `${reply.batchId}: attached to the same batch, ${reply.reused} of ${total} done already${again}`,
    );
  } else if (reply.reused > 0) {
    await screen.say(
      `${reply.batchId}: ${reply.reused} of ${total} have a result from an earlier run`,
    );
  }
}

const PLAIN_PROGRESS_MS = 5000;
const SLOTS_MS = 3000;
const STDERR_TAIL_BYTES = 2000;

class BatchFollower {
  readonly #session: RunSession;
  readonly #reply: SubmitReply;
  readonly #watch: CancelWatch;
  readonly #folder: string;
  readonly #outputs: BatchOutputs;
  readonly #ended = new Map<number, Execution>();
  readonly #failures = new Map<number, Failure>();
  readonly #active = new AbortController();
  readonly #followed = new AbortController();
  readonly #startedAt = Date.now();
  #counts: StateCounts | undefined;
  /** Of all workers that the platform has now. */
  #slots: number | undefined;
  #version = 0;
  #wasFailFast = false;

  constructor(session: RunSession, reply: SubmitReply, watch: CancelWatch) {
    this.#session = session;
    this.#reply = reply;
    this.#watch = watch;
    this.#folder = outputFolder(session);
    this.#outputs = batchOutputs(session, this.#folder);
  }

  async run(): Promise<ExitCode> {
    const { screen } = this.#session;
    const notices = this.#giveNotices();
    const timer = this.#startProgress();
    let isComplete = false;
    try {
      isComplete = await this.#follow();
    } finally {
      clearInterval(timer);
      this.#active.abort();
      this.#followed.abort();
      await notices;
      await screen.hideBar();
    }
    if (!isComplete) return this.#explainUnfinished();
    // What has ended cannot be cancelled: from here on the person can only leave.
    this.#watch.stop();
    return this.#finish();
  }

  async #follow(): Promise<boolean> {
    const { api, screen } = this.#session;
    const events = reconnecting(
      (signal) =>
        api.batchEvents(this.#reply.batchId, { after: this.#version, follow: true }, signal),
      (event: BatchEvent) => event.type === 'end',
      {
        policy: api.followPolicy,
        signal: this.#watch.over,
        say: (text) => screen.say(text),
      },
    );
    try {
      for await (const event of events) {
        if (event.type === 'end') return true;
        if (event.type === 'counts') this.#onCounts(event.counts);
        if (event.type === 'execution') await this.#onExecution(event);
      }
    } catch (error) {
      if (!this.#watch.over.aborted) throw error;
    }
    return false;
  }

  #onCounts(counts: StateCounts): void {
    this.#counts = counts;
    if (counts.leased + counts.running + counts.publishing > 0) this.#active.abort();
  }

  async #onExecution({
    version,
    execution,
    logs,
  }: Extract<BatchEvent, { type: 'execution' }>): Promise<void> {
    this.#version = Math.max(this.#version, version);
    // One that was retried has a successor in the same place, which is the one that counts.
    const isNews = this.#ended.get(execution.index)?.id !== execution.id;
    if (!hasEnded(execution.state) || execution.retriedAs !== null || !isNews) return;
    this.#active.abort();
    this.#ended.set(execution.index, execution);
    const stderrTail = await this.#print(execution, logs);
    if (execution.state === 'succeeded') this.#failures.delete(execution.index);
    else await this.#onFailure({ execution, stderrTail });
    if (!this.#session.prepared.plan.options.isRemoteOnly) this.#outputs.add(execution);
  }

  async #onFailure(failure: Failure): Promise<void> {
    const { screen, interruption, prepared } = this.#session;
    const { execution } = failure;
    if (execution.state === 'cancelled') return;
    this.#failures.set(execution.index, failure);
    // On a terminal the summary is far away; in a file the same line would stand there twice.
    if (screen.stderr.isTerminal)
      await screen.say(`${quoted(execution.label)} ${printable(describeEnd(execution))}`);
    if (!prepared.plan.options.isFailFast || interruption.cancelled.aborted) return;
    this.#wasFailFast = true;
    interruption.requestCancel();
  }

  /** Prints what an execution wrote, in one piece; returns the end of its stderr. */
  async #print(execution: Execution, logs: readonly LogChunk[] | null): Promise<string> {
    const tail = new Tail(STDERR_TAIL_BYTES);
    const { stdoutBytes, stderrBytes } = execution.logs;
    if (stdoutBytes + stderrBytes === 0 && (logs === null || logs.length === 0)) return '';
    const chunks = logs ?? this.#fetchLogs(execution.id);
    const { tagLines } = this.#session.prepared.plan.options;
    const tag = { label: execution.label, lines: tagLines };
    await this.#session.screen.scriptGroup(pieces(chunks, tail), tag);
    return tail.text();
  }

  async *#fetchLogs(id: string): AsyncGenerator<LogChunk> {
    const { api, screen } = this.#session;
    const request = { executionId: id, isFollowing: false, signal: this.#watch.over };
    // Not waited for: the screen is busy with the very group that this is read for.
    const say = async (text: string) => void screen.say(text);
    for await (const event of logStream(api, { ...request, say })) {
      if (event.type === 'chunk') yield event.chunk;
    }
  }

  #giveNotices(): Promise<void> {
    const { api, screen } = this.#session;
    return giveWaitingNotices({
      getExecution: () => api.getExecution(`${this.#reply.batchId}-0`),
      say: (text) => screen.say(text),
      firstMs: 1500,
      everyMs: 3000,
      signal: this.#active.signal,
    });
  }

  #startProgress(): NodeJS.Timeout | undefined {
    const { screen, api, prepared } = this.#session;
    if (prepared.plan.options.isQuiet) return undefined;
    void watchSlots({
      listWorkers: () => api.listWorkers(),
      onSlots: (slots) => (this.#slots = slots),
      everyMs: SLOTS_MS,
      signal: this.#followed.signal,
    });
    screen.showBar((columns) => renderProgress(this.#progress(), columns));
    if (screen.stderr.isTerminal) return undefined;
    let said = 0;
    return setInterval(() => {
      const progress = this.#progress();
      if (progress.done === said) return;
      said = progress.done;
      void screen.say(plainProgress(progress));
    }, PLAIN_PROGRESS_MS).unref();
  }

  #progress(): BatchProgress {
    return {
      ...activityOf(this.#counts, this.#slots),
      total: this.#session.prepared.submission.executions.length,
      done: this.#ended.size,
      failed: this.#failures.size,
      reused: this.#reply.reused,
      elapsedMs: Date.now() - this.#startedAt,
    };
  }

  async #finish(): Promise<ExitCode> {
    const { prepared, screen } = this.#session;
    const { options } = prepared.plan;
    const result = tally(this.#ended.values(), prepared.submission.executions.length);
    const exitCode = batchExitCode(result, {
      allowedFailures: options.allowedFailures,
      wasFailFast: this.#wasFailFast,
    });
    const outputExitCode = await this.#finishOutputs();
    if (this.#outputs.left > 0) await this.#sayLeft();
    await screen.say(
      [summaryLine(result, Date.now() - this.#startedAt), ...this.#outputLine()].join('; '),
    );
    const lines = failureLines([...this.#failures.values()], {
      isTerminal: screen.stderr.isTerminal,
      batchId: this.#reply.batchId,
    });
    if (lines.length > 0) await screen.say(lines.join('\n'));
    await this.#printJson(exitCode);
    return exitCode === EXIT.ok ? outputExitCode : exitCode;
  }

  async #finishOutputs(): Promise<ExitCode> {
    try {
      await this.#outputs.finish();
      const isCut = this.#outputs.left > 0 && this.#session.interruption.cancelled.aborted;
      return isCut ? EXIT.interrupted : EXIT.ok;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      await this.#session.screen.warn(error.message);
      return error.exitCode;
    }
  }

  async #sayLeft(): Promise<void> {
    const executions = plural(this.#outputs.left, 'execution');
    await this.#session.screen.warn(
      `what ${executions} made stays on the platform: rgrid download ${this.#reply.batchId}`,
    );
  }

  #outputLine(): string[] {
    if (this.#outputs.written === 0) return [];
    const folder = relative(this.#session.prepared.plan.project.cwd, this.#folder) || '.';
    return [`outputs in ${quoted(folder)}`];
  }

  async #printJson(exitCode: ExitCode): Promise<void> {
    const { context, prepared, screen } = this.#session;
    if (!prepared.plan.options.isJson) return;
    await screen.settle();
    const executions = [...this.#ended.values()].sort((a, b) => a.index - b.index);
    const { batchId, isAttached, reused } = this.#reply;
    await context.stdout.line(
      JSON.stringify({ batchId, exitCode, isAttached, reused, executions }),
    );
  }

  async #explainUnfinished(): Promise<ExitCode> {
    const { screen, interruption } = this.#session;
    const { batchId } = this.#reply;
    await this.#outputs.finish().catch(() => undefined);
    if (interruption.cancelled.aborted) {
      await screen.warn(
        `${batchId} has not stopped yet; the platform goes on stopping it (rgrid status ${batchId})`,
      );
      if (this.#outputs.left > 0) await this.#sayLeft();
      return EXIT.interrupted;
    }
    await screen.warn(
      `${batchId} goes on without you\nfollow it:       run the same command again\nlook at it:      rgrid status ${batchId}\nget its outputs: rgrid download ${batchId}\nstop it:         rgrid cancel ${batchId}`,
    );
    return EXIT.ok;
  }
}

function batchOutputs(session: RunSession, folder: string): BatchOutputs {
  const { submission, plan } = session.prepared;
  return new BatchOutputs({
    source: gridOutputs(session.api, knownHere(session), { signal: session.interruption.departed }),
    signal: session.interruption.departed,
    screen: session.screen,
    folder,
    folders: outputFolders(
      submission.executions.map((execution) => layoutItem(execution, plan.project.cwd)),
    ),
    isFlat: plan.options.isFlat,
  });
}

async function* pieces(
  chunks: AsyncIterable<LogChunk> | Iterable<LogChunk>,
  tail: Tail,
): AsyncGenerator<ScriptPiece> {
  for await (const chunk of chunks) {
    const data = Buffer.from(chunk.data, 'base64');
    if (chunk.stream === 'stderr') tail.add(data);
    yield { stream: chunk.stream, data };
  }
}

/** The last bytes of a stream. */
class Tail {
  readonly #limit: number;
  #bytes = Buffer.alloc(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(data: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, data.subarray(-this.#limit)]).subarray(-this.#limit);
  }

  text(): string {
    return this.#bytes.toString('utf8');
  }
}
