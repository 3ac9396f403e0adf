import type { GridApi } from '../api/grid-api.ts';
import { readPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { costText, executionsText, totalMicros, type ExecutionCost } from '../costs/cost-text.ts';
import { resolveId } from '../executions/resolve-id.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { parseTime } from '../flags/values.ts';
import { usageProblem } from '../problem.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'cost [ID]',
  about:
    'Show what runs have cost, by day and by batch (the last 7 days), what the servers under them were billed,\nand the budget of the month. With an ID, or --executions: by execution.',
  flags: [
    {
      name: 'since',
      value: 'TIME',
      help: '2026-11-01, 2026-11-01T08:00, or how long ago (7d, 12h)',
    },
    { name: 'until', value: 'TIME', help: 'the same; now without it' },
    { name: 'executions', help: 'each execution by itself, the dearest first' },
    JSON_FLAG,
  ],
  completes: 'id',
  run: cost,
};

const WEEK_MS = 7 * 86_400_000;

async function cost(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  const [id, ...more] = positionals;
  if (more.length > 0) throw usageProblem('rgrid cost takes one id at most (--since, --until)');
  const now = Date.now();
  const since = parseTime('since', flags.text('since'), now);
  const until = parseTime('until', flags.text('until'), now);
  const asked = { since: since?.toISOString(), until: until?.toISOString() };
  const text = await readPlatform(context, flags.text('profile'), async (api) => {
    if (id === undefined && !flags.has('executions')) {
      const lastWeek = new Date(now - WEEK_MS).toISOString();
      const answer = await api.getCost({ ...asked, since: asked.since ?? lastWeek });
      return flags.has('json') ? toJson(answer) : costText(answer);
    }
    const executions = await collect(api, id, asked);
    return flags.has('json')
      ? toJson({ totalMicros: totalMicros(executions), executions })
      : executionsText(executions);
  });
  await context.stdout.write(text);
  return EXIT.ok;
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

async function collect(
  api: GridApi,
  id: string | undefined,
  asked: { since: string | undefined; until: string | undefined },
): Promise<ExecutionCost[]> {
  const target = id === undefined ? undefined : await resolveId(api, id);
  const batch = target?.id.split('-', 1)[0];
  const found: ExecutionCost[] = [];
  let cursor: string | undefined;
  do {
    const page = await api.listExecutionCosts({ ...asked, batch, cursor });
    found.push(...page.executions);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return target?.kind === 'execution'
    ? found.filter((row) => row.executionId === target.id)
    : found;
}
