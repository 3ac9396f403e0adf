import type { Batch, Worker } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import { readPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { age, describeCounts } from '../executions/describe.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { usageProblem } from '../problem.ts';
import { FullScreen } from '../terminal/full-screen.ts';
import { renderTable } from '../terminal/table.ts';
import type { Verb } from './verb.ts';
import { workerTable } from './workers.ts';

export const verb: Verb = {
  usage: 'top',
  about:
    'Watch the workers and the batches under way; q leaves. Without a terminal it prints once.',
  flags: [JSON_FLAG],
  run: top,
};

const REFRESH_MS = 1000;

interface Snapshot {
  workers: Worker[];
  batches: Batch[];
}

async function top(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  if (positionals.length > 0) throw usageProblem('rgrid top takes no arguments');
  const { stdout, stdin } = context;
  await readPlatform(context, flags.text('profile'), async (api) => {
    if (flags.has('json')) return stdout.line(JSON.stringify(await takeSnapshot(api)));
    if (!stdout.isTerminal || !stdin.isTerminal)
      return stdout.write(render(await takeSnapshot(api), api.apiUrl));
    await watch(context, api);
  });
  return EXIT.ok;
}

async function watch(context: Context, api: GridApi): Promise<void> {
  const screen = new FullScreen(context);
  try {
    screen.open();
    while (!screen.isLeft) {
      screen.show(render(await takeSnapshot(api), api.apiUrl));
      await screen.wait(REFRESH_MS);
    }
  } finally {
    screen.close();
  }
}

async function takeSnapshot(api: GridApi): Promise<Snapshot> {
  // Alone at first: where nothing answers, one question is enough to find out, and to say so once.
  const workers = await api.listWorkers();
  const lists = await Promise.all(
    ['uploading', 'queued', 'leased', 'running', 'publishing'].map((state) =>
      api.listExecutions({ state, limit: 200 }),
    ),
  );
  const ids = new Set(
    lists.flatMap((list) => list.executions.map((execution) => execution.batchId)),
  );
  const batches = await Promise.all([...ids].slice(0, 30).map((id) => api.getBatch(id)));
  return { workers, batches };
}

function render({ workers, batches }: Snapshot, apiUrl: string): string {
  const now = Date.now();
  const busy = workers.reduce((sum, worker) => sum + worker.busy, 0);
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0);
  const head = `${apiUrl}   ${busy} of ${slots} slots busy   ${new Date(now).toLocaleTimeString('en-GB')}`;
  const table = renderTable<Batch>(
    [
      { title: 'BATCH', value: (batch) => batch.id },
      { title: 'SCRIPT', value: (batch) => batch.spec.script },
      { title: 'DONE', value: (batch) => `${doneOf(batch)}/${batch.total}`, isRight: true },
      { title: 'SUBMITTED', value: (batch) => age(batch.createdAt, now) },
      { title: 'STATE', value: (batch) => describeCounts(batch.counts) },
    ],
    batches,
  );
  const running = batches.length === 0 ? 'nothing is under way\n' : table;
  return `${head}\n\n${workers.length === 0 ? 'no worker is connected\n' : workerTable(workers, now)}\n${running}`;
}

function doneOf({ counts, total }: Batch): number {
  return (
    total - counts.uploading - counts.queued - counts.leased - counts.running - counts.publishing
  );
}
