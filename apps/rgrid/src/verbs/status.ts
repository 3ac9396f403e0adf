import type { Batch } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import { readPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { age, batchFields, describeCounts, executionFields } from '../executions/describe.ts';
import { executionTable } from '../executions/execution-table.ts';
import { resolveId } from '../executions/resolve-id.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { usageProblem } from '../problem.ts';
import { renderFields, renderTable } from '../terminal/table.ts';
import { plural } from '../terminal/text.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'status [ID]',
  about:
    'Show how a batch or an execution stands and why it waits; without an id, the newest runs.',
  flags: [JSON_FLAG],
  completes: 'id',
  run: status,
};

async function status(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  const [text, ...more] = positionals;
  if (more.length > 0) throw usageProblem('rgrid status takes one id');
  const isJson = flags.has('json');
  await readPlatform(context, flags.text('profile'), async (api) => {
    if (text === undefined) return showRecent(context, api, isJson);
    const { kind, id } = await resolveId(api, text);
    return kind === 'batch'
      ? showBatch(context, api, { id, isJson })
      : showExecution(context, api, { id, isJson });
  });
  return EXIT.ok;
}

interface Shown {
  id: string;
  isJson: boolean;
}

async function showExecution(
  { stdout }: Context,
  api: GridApi,
  { id, isJson }: Shown,
): Promise<void> {
  const execution = await api.getExecution(id);
  if (isJson) return stdout.line(JSON.stringify(execution));
  await stdout.write(renderFields(executionFields(stdout, execution, Date.now())));
}

const SHOWN = 20;

async function showBatch({ stdout }: Context, api: GridApi, { id, isJson }: Shown): Promise<void> {
  const batch = await api.getBatch(id);
  if (isJson) {
    const executions = await Array.fromAsync(api.executionsOf(id));
    return stdout.line(JSON.stringify({ ...batch, executions }));
  }
  const now = Date.now();
  await stdout.write(renderFields(batchFields(stdout, batch, now)));
  // What needs a look first: all that has not succeeded, or of a small batch simply all.
  const open = [];
  for await (const execution of api.executionsOf(id)) {
    if (execution.retriedAs === null && (batch.total <= SHOWN || execution.state !== 'succeeded'))
      open.push(execution);
    if (open.length > SHOWN) break;
  }
  if (open.length === 0) return;
  await stdout.write(`\n${executionTable(open.slice(0, SHOWN), now, widthOf(stdout))}`);
  const waiting = open.find((execution) => execution.waiting !== null)?.waiting;
  if (waiting) await stdout.line(`\nwaiting: ${waiting.message}`);
  if (open.length > SHOWN) await stdout.line(`\nmore: rgrid list --batch ${id}`);
}

function widthOf(stdout: Context['stdout']): number | undefined {
  return stdout.isTerminal ? stdout.columns : undefined;
}

const RECENT = 10;

async function showRecent({ stdout }: Context, api: GridApi, isJson: boolean): Promise<void> {
  const batches = await recentBatches(api);
  if (isJson) return stdout.line(JSON.stringify(batches));
  if (batches.length === 0) return stdout.line('nothing has run yet: rgrid run SCRIPT');
  const now = Date.now();
  const table = renderTable<Batch>(
    [
      { title: 'ID', value: (batch) => batch.id },
      { title: 'SCRIPT', value: (batch) => batch.spec.script, isFlexible: true },
      { title: 'RUNS', value: (batch) => plural(batch.total, 'execution') },
      { title: 'SUBMITTED', value: (batch) => age(batch.createdAt, now) },
      { title: 'STATE', value: (batch) => describeCounts(batch.counts) },
    ],
    batches,
    widthOf(stdout),
  );
  await stdout.write(table);
}

/** There is no list of batches, so they are read off the newest executions. */
async function recentBatches(api: GridApi): Promise<Batch[]> {
  const ids = new Set<string>();
  let cursor: string | undefined;
  for (let page = 0; page < 3 && ids.size < RECENT; page += 1) {
    const { executions, nextCursor } = await api.listExecutions({
      limit: page === 0 ? 100 : 1000,
      cursor,
    });
    for (const execution of executions) ids.add(execution.batchId);
    if (nextCursor === null) break;
    cursor = nextCursor;
  }
  return Promise.all([...ids].slice(0, RECENT).map((id) => api.getBatch(id)));
}
