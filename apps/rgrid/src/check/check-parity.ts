import type { GridApi } from '../api/grid-api.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { LocalAttempts } from '../local/local-attempts.ts';
import { logStream } from '../logs/log-stream.ts';
import { hasOutputs } from '../outputs/has-outputs.ts';
import type { RunSession } from '../run/run-session.ts';
import { submitRun } from '../run/submit-run.ts';
import { renderTable, type Column } from '../terminal/table.ts';
import { plural } from '../terminal/text.ts';
import { compare, relocationRows, type Comparison } from './compare.ts';
import { StreamObserver, type Observation } from './observation.ts';

/** `rgrid run --check`: the same here and on the grid, compared. Files here stay as they are. */
export async function checkParity(session: RunSession): Promise<ExitCode> {
  const { screen, prepared } = session;
  const { executions, spec } = prepared.submission;
  await screen.say(`running ${plural(executions.length, 'execution')} here`);
  const here = await observeHere(session);
  await screen.say('and on the grid');
  const there = await observeThere(session);
  const results = here.map((ours, index) => {
    const theirs = there[index];
    const given = { args: executions[index]?.args ?? [], root: spec.root };
    const rewritten = relocationRows(prepared.relocations, given);
    return theirs ? [...rewritten, ...compare(ours, theirs)] : [];
  });
  return report(session, results);
}

async function observeHere({
  context,
  prepared,
  interruption,
}: RunSession): Promise<Observation[]> {
  const attempts = await LocalAttempts.open(context, prepared, interruption.cancelled);
  try {
    const observations: Observation[] = [];
    for (const index of prepared.submission.executions.keys()) {
      const observer = new StreamObserver();
      const { execution, outputs } = await attempts.run(index, async (piece) =>
        observer.add(piece),
      );
      observations.push(observer.observe(execution, outputs));
      await attempts.discard(index);
      interruption.cancelled.throwIfAborted();
    }
    return observations;
  } finally {
    await attempts.close();
  }
}

async function observeThere(session: RunSession): Promise<Observation[]> {
  const { api, prepared, interruption, screen } = session;
  // An earlier result would prove nothing about the grid as it is now.
  prepared.submission.rerun = 'always';
  const { batchId } = await submitRun(api, prepared, { signal: interruption.cancelled, screen });
  try {
    const observations: Observation[] = [];
    for (const index of prepared.submission.executions.keys()) {
      observations.push(await observeExecution(session, `${batchId}-${index}`));
    }
    return observations;
  } catch (error) {
    if (interruption.cancelled.aborted) await api.cancelBatch(batchId).catch(() => undefined);
    throw error;
  }
}

async function observeExecution(
  { api, screen, interruption }: RunSession,
  id: string,
): Promise<Observation> {
  let observer = new StreamObserver();
  const request = { executionId: id, isFollowing: true, signal: interruption.cancelled };
  for await (const event of logStream(api, { ...request, say: (text) => screen.say(text) })) {
    // What an attempt that was lost had printed is no part of the result.
    if (event.type === 'attempt') observer = new StreamObserver();
    if (event.type === 'chunk') {
      observer.add({ stream: event.chunk.stream, data: Buffer.from(event.chunk.data, 'base64') });
    }
    if (event.type === 'end')
      return observer.observe(event.execution, await outputsOf(api, event.execution));
  }
  throw new Error(`the log of ${id} ended without an end`);
}

async function outputsOf(
  api: GridApi,
  execution: Parameters<typeof hasOutputs>[0] & { id: string },
) {
  return hasOutputs(execution) ? api.getOutputs(execution.id) : { entries: [] };
}

interface ShownRow extends Comparison {
  label: string;
}

async function report(
  { context, prepared }: RunSession,
  results: readonly Comparison[][],
): Promise<ExitCode> {
  const { executions } = prepared.submission;
  const rows = results.flatMap((comparisons, index): ShownRow[] =>
    comparisons.map((comparison) => ({ ...comparison, label: executions[index]?.label ?? '' })),
  );
  const differing = rows.filter((row) => !row.isSame);
  const { stdout } = context;
  if (prepared.plan.options.isJson) {
    await stdout.line(JSON.stringify({ isSame: differing.length === 0, comparisons: rows }));
  } else {
    // Of one execution everything that was looked at, of a batch only what differs.
    const shown = executions.length === 1 ? rows : differing;
    if (shown.length > 0) await stdout.write(parityTable(shown, executions.length > 1));
    await stdout.line(verdict(rows.length, differing.length));
  }
  return differing.length === 0 ? EXIT.ok : EXIT.failed;
}

function parityTable(rows: readonly ShownRow[], isBatch: boolean): string {
  const columns: Column<ShownRow>[] = [
    ...(isBatch ? [{ title: 'INPUT', value: (row: ShownRow) => row.label }] : []),
    { title: 'WHAT', value: (row) => row.what },
    { title: 'HERE', value: (row) => row.here },
    { title: 'GRID', value: (row) => row.there },
    { title: '', value: (row) => (row.isSame ? 'same' : 'DIFFERS') },
  ];
  return renderTable(columns, rows);
}

function verdict(compared: number, differing: number): string {
  if (differing === 0) return `the same here and on the grid (${plural(compared, 'comparison')})`;
  return `${differing} of ${plural(compared, 'comparison')} differ`;
}
