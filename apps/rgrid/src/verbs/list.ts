import type { Execution } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import { readPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { executionTable } from '../executions/execution-table.ts';
import { resolveId } from '../executions/resolve-id.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG, type FlagValues } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { parseCount, parsePair } from '../flags/values.ts';
import { usageProblem } from '../problem.ts';
import type { Verb } from './verb.ts';

/** The words of the platform, and what the earlier rgrid called some of them. */
const STATES: Readonly<Record<string, string>> = {
  uploading: 'uploading',
  queued: 'queued',
  leased: 'leased',
  starting: 'leased',
  running: 'running',
  publishing: 'publishing',
  succeeded: 'succeeded',
  completed: 'succeeded',
  failed: 'failed',
  timed_out: 'timed_out',
  out_of_memory: 'out_of_memory',
  oom: 'out_of_memory',
  cancelled: 'cancelled',
  lost: 'lost',
};

export const verb: Verb = {
  usage: 'list',
  about: 'List executions, the newest batches first.',
  flags: [
    {
      name: 'state',
      short: 's',
      aliases: ['status'],
      value: 'STATE',
      help: 'only these (queued, running, succeeded, failed, …)',
      completes: Object.keys(STATES),
    },
    {
      name: 'metadata',
      short: 'm',
      value: 'K=V',
      help: 'only runs with this label; may be given again',
    },
    { name: 'script', value: 'NAME', help: 'only runs of this script', completes: 'file' },
    { name: 'batch', short: 'b', value: 'ID', help: 'only this batch' },
    { name: 'limit', short: 'n', value: 'N', help: 'at most so many (20)' },
    JSON_FLAG,
  ],
  run: list,
};

async function list(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  if (positionals.length > 0)
    throw usageProblem('rgrid list takes no arguments (rgrid status ID shows one run)');
  const filter = parseFilter(flags);
  const { stdout } = context;
  await readPlatform(context, flags.text('profile'), async (api) => {
    const batch = filter.batch === undefined ? undefined : (await resolveId(api, filter.batch)).id;
    const executions = await collect(api, { ...filter, batch });
    if (flags.has('json')) return stdout.line(JSON.stringify(executions));
    if (executions.length === 0) return stdout.line('nothing found');
    await stdout.write(
      executionTable(executions, Date.now(), stdout.isTerminal ? stdout.columns : undefined),
    );
  });
  return EXIT.ok;
}

interface Filter {
  state: string | undefined;
  metadata: readonly string[];
  script: string | undefined;
  batch: string | undefined;
  limit: number;
}

function parseFilter(flags: FlagValues): Filter {
  const state = flags.text('state');
  if (state !== undefined && STATES[state] === undefined) {
    throw usageProblem(
      `--state ${state}: there is no such state (${[...new Set(Object.values(STATES))].join(', ')})`,
    );
  }
  for (const pair of flags.all('metadata')) parsePair('metadata', pair);
  const limit = flags.text('limit');
  return {
    state: state === undefined ? undefined : STATES[state],
    metadata: flags.all('metadata'),
    script: flags.text('script'),
    batch: flags.text('batch'),
    limit: limit === undefined ? 20 : parseCount('limit', limit, { min: 1, max: 100_000 }),
  };
}

async function collect(api: GridApi, filter: Filter): Promise<Execution[]> {
  const { script, limit, ...query } = filter;
  const isWanted = (execution: Execution) =>
    script === undefined || execution.script === script || execution.script.endsWith(`/${script}`);
  const found: Execution[] = [];
  let cursor: string | undefined;
  do {
    // The platform does not filter by script, so more is asked for than will be shown.
    const page = await api.listExecutions({
      ...query,
      limit: script === undefined ? Math.min(1000, limit) : 1000,
      cursor,
    });
    found.push(...page.executions.filter(isWanted));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && found.length < limit);
  return found.slice(0, limit);
}
