import type { Cost } from '@nexus/grid/contract';

import { withPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { parseTime } from '../flags/values.ts';
import { usageProblem } from '../problem.ts';
import { renderTable, type Column } from '../terminal/table.ts';
import { formatDuration, formatEuros, plural } from '../terminal/text.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'cost',
  about: 'Show what runs have cost, by day and by batch (the last 7 days).',
  flags: [
    {
      name: 'since',
      value: 'TIME',
      help: '2026-11-01, 2026-11-01T08:00, or how long ago (7d, 12h)',
    },
    { name: 'until', value: 'TIME', help: 'the same; now without it' },
    JSON_FLAG,
  ],
  run: cost,
};

const WEEK_MS = 7 * 86_400_000;

async function cost(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  if (positionals.length > 0)
    throw usageProblem('rgrid cost takes no arguments (--since, --until)');
  const now = Date.now();
  const since = parseTime('since', flags.text('since'), now) ?? new Date(now - WEEK_MS);
  const until = parseTime('until', flags.text('until'), now);
  const query = { since: since.toISOString(), until: until?.toISOString() };
  const answer = await withPlatform(context, flags.text('profile'), (api) => api.getCost(query));
  await context.stdout.write(flags.has('json') ? `${JSON.stringify(answer)}\n` : costText(answer));
  return EXIT.ok;
}

interface Spent {
  executions: number;
  slotSeconds: number;
  costMicros: number;
}

function costText(answer: Cost): string {
  const total = `${formatEuros(answer.totalMicros)} for ${plural(answer.executions, 'execution')}, ${formatDuration(answer.slotSeconds * 1000)} of computing\nfrom ${answer.since.slice(0, 16)} to ${answer.until.slice(0, 16)} UTC\n`;
  if (answer.executions === 0) return total;
  const shared: Column<Spent>[] = [
    { title: 'RUNS', value: (row) => String(row.executions), isRight: true },
    { title: 'TIME', value: (row) => formatDuration(row.slotSeconds * 1000), isRight: true },
    { title: 'COST', value: (row) => formatEuros(row.costMicros), isRight: true },
  ];
  const days = renderTable<Cost['days'][number]>(
    [{ title: 'DAY', value: (row) => row.day }, ...shared],
    answer.days,
  );
  const batches = renderTable<Cost['batches'][number]>(
    [
      { title: 'BATCH', value: (row) => row.batchId },
      { title: 'SCRIPT', value: (row) => row.script },
      ...shared,
    ],
    answer.batches,
  );
  return `${total}\n${days}\n${batches}`;
}
