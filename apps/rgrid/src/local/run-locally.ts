import { copyFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { Execution } from '@nexus/grid/contract';

import { EXIT, type ExitCode } from '../exit-codes.ts';
import { inLanes } from '../lanes.ts';
import { BatchOutputs } from '../outputs/batch-outputs.ts';
import { fetchOutputs } from '../outputs/fetch-outputs.ts';
import { layoutItem, outputFolders } from '../outputs/layout.ts';
import type { OutputsSource } from '../outputs/outputs-source.ts';
import { reportOutputs } from '../outputs/report-outputs.ts';
import {
  batchExitCode,
  failureLines,
  summaryLine,
  tally,
  type Failure,
} from '../run/batch-result.ts';
import { explainEnd } from '../run/explain-end.ts';
import { describeEnd, exitCodeOf } from '../run/outcome.ts';
import { knownHere, outputFolder, type RunSession } from '../run/run-session.ts';
import { renderProgress } from '../terminal/progress-bar.ts';
import { printable, quoted } from '../terminal/text.ts';
import { LocalAttempts, type LocalOutcome } from './local-attempts.ts';
import { OutputSpool } from './output-spool.ts';

/** `rgrid run --local`: what the grid would do, on this machine and without it. */
export async function runLocally(session: Omit<RunSession, 'api'>): Promise<ExitCode> {
  const { context, prepared, interruption } = session;
  const attempts = await LocalAttempts.open(context, prepared, interruption.cancelled);
  try {
    if (prepared.plan.inputs) return await new LocalBatch(session, attempts).run();
    return await runOne(session, attempts);
  } finally {
    await attempts.close();
  }
}

async function runOne(
  session: Omit<RunSession, 'api'>,
  attempts: LocalAttempts,
): Promise<ExitCode> {
  const { screen, prepared, context } = session;
  const outcome = await attempts.run(0, async (piece) => {
    await screen.scriptGroup([piece]);
    if (context.stdout.isClosed) session.interruption.requestCancel();
  });
  const { execution } = outcome;
  await explainEnd(session, execution);
  const source = localOutputs(session, new Map([[0, outcome]]));
  const report = prepared.plan.options.isRemoteOnly
    ? undefined
    : await fetchOutputs(source, { execution, folder: outputFolder(session) });
  if (report) await reportOutputs(screen, report);
  await screen.settle();
  const exitCode = context.stdout.isClosed ? EXIT.brokenPipe : exitCodeOf(execution);
  if (prepared.plan.options.isJson) {
    await context.stdout.line(
      JSON.stringify({ exitCode, execution, outputs: report?.placed ?? [] }),
    );
  }
  return exitCode;
}

function localOutputs(
  session: Omit<RunSession, 'api'>,
  outcomes: ReadonlyMap<number, LocalOutcome>,
): OutputsSource {
  const outcomeOf = ({ index }: Execution) => {
    const outcome = outcomes.get(index);
    if (!outcome) throw new Error(`execution ${index} has not run`);
    return outcome;
  };
  return {
    ...knownHere(session),
    manifestOf: async (execution) => outcomeOf(execution).outputs,
    fetch: (execution, { path }, destination) =>
      copyFile(outcomeOf(execution).pathOf(path), destination),
  };
}

class LocalBatch {
  readonly #session: Omit<RunSession, 'api'>;
  readonly #attempts: LocalAttempts;
  readonly #outcomes = new Map<number, LocalOutcome>();
  readonly #failures: Failure[] = [];
  readonly #outputs: BatchOutputs;
  readonly #startedAt = Date.now();
  readonly #spools = mkdtempSync(join(tmpdir(), 'rgrid-print-'));
  #running = 0;
  #wasFailFast = false;

  constructor(session: Omit<RunSession, 'api'>, attempts: LocalAttempts) {
    const { submission, plan } = session.prepared;
    this.#session = session;
    this.#attempts = attempts;
    this.#outputs = new BatchOutputs({
      source: localOutputs(session, this.#outcomes),
      screen: session.screen,
      folder: outputFolder(session),
      folders: outputFolders(
        submission.executions.map((execution) => layoutItem(execution, plan.project.cwd)),
      ),
      isFlat: plan.options.isFlat,
    });
  }

  async run(): Promise<ExitCode> {
    const { screen, prepared } = this.#session;
    const { executions } = prepared.submission;
    const width = prepared.plan.options.parallel ?? availableParallelism();
    screen.showBar((columns) => renderProgress(this.#progress(), columns));
    try {
      await inLanes(executions.keys(), Math.min(width, executions.length), (index) =>
        this.#runOne(index),
      );
      await this.#outputs.finish();
    } finally {
      await screen.hideBar();
      rmSync(this.#spools, { recursive: true, force: true });
    }
    return this.#summarize();
  }

  async #runOne(index: number): Promise<void> {
    const { screen, interruption, prepared } = this.#session;
    if (interruption.cancelled.aborted) return;
    this.#running += 1;
    const spool = new OutputSpool(join(this.#spools, String(index)));
    try {
      const outcome = await this.#attempts.run(index, async (piece) => spool.add(piece));
      this.#outcomes.set(index, outcome);
      await screen.scriptGroup(spool.pieces(), {
        label: outcome.execution.label,
        lines: prepared.plan.options.tagLines,
      });
      if (outcome.execution.state !== 'succeeded') await this.#onFailure(outcome.execution);
      await this.#bringBack(outcome.execution);
    } finally {
      spool.close();
      this.#running -= 1;
    }
  }

  async #bringBack(execution: Execution): Promise<void> {
    const { isRemoteOnly, isFlat } = this.#session.prepared.plan.options;
    // Names of flat outputs depend on all of them, so those wait on disk until the end.
    if (isFlat && !isRemoteOnly) {
      this.#outputs.add(execution);
      return;
    }
    if (!isRemoteOnly) await this.#outputs.place(execution);
    await this.#attempts.discard(execution.index);
  }

  async #onFailure(execution: Execution): Promise<void> {
    const { screen, prepared, interruption } = this.#session;
    if (execution.state === 'cancelled') return;
    this.#failures.push({ execution, stderrTail: '' });
    if (screen.stderr.isTerminal)
      await screen.say(`${quoted(execution.label)} ${printable(describeEnd(execution))}`);
    if (!prepared.plan.options.isFailFast) return;
    this.#wasFailFast = true;
    interruption.requestCancel();
  }

  #progress() {
    return {
      total: this.#session.prepared.submission.executions.length,
      done: this.#outcomes.size,
      failed: this.#failures.length,
      running: this.#running,
      saving: 0,
      reused: 0,
      elapsedMs: Date.now() - this.#startedAt,
    };
  }

  async #summarize(): Promise<ExitCode> {
    const { screen, prepared, context } = this.#session;
    const { options } = prepared.plan;
    const executions = [...this.#outcomes.values()].map((outcome) => outcome.execution);
    const total = prepared.submission.executions.length;
    const result = tally(executions, total);
    // What a cancellation kept from being begun.
    result.cancelled += total - executions.length;
    await screen.say(summaryLine(result, Date.now() - this.#startedAt));
    const lines = failureLines(this.#failures, {
      isTerminal: screen.stderr.isTerminal,
      batchId: null,
    });
    if (lines.length > 0) await screen.say(lines.join('\n'));
    const exitCode = batchExitCode(result, {
      allowedFailures: options.allowedFailures,
      wasFailFast: this.#wasFailFast,
    });
    await screen.settle();
    if (options.isJson) await context.stdout.line(JSON.stringify({ exitCode, executions }));
    return exitCode;
  }
}
