import type { GridApi } from '../api/grid-api.ts';
import { withPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { onlyId, resolveId } from '../executions/resolve-id.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { Problem, usageProblem } from '../problem.ts';
import { plural } from '../terminal/text.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'retry ID',
  about: 'Run again what failed, in the same batch. Prints the ids of the new executions.',
  flags: [
    { name: 'batch', short: 'b', value: 'ID', help: 'this batch (the same as giving its id)' },
    { name: 'failed-only', help: 'only what did not succeed (the default)' },
    { name: 'all', help: 'also what succeeded' },
    { name: 'force', short: 'f', help: 'the same as --all' },
    JSON_FLAG,
  ],
  completes: 'id',
  run: retry,
};

async function retry(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  const text = onlyId([...flags.all('batch'), ...positionals], 'retry');
  const isAll = flags.has('all') || flags.has('force');
  if (isAll && flags.has('failed-only'))
    throw usageProblem('--failed-only and --all exclude each other');
  const { stdout, stderr } = context;
  const ids = await withPlatform(context, flags.text('profile'), (api) =>
    retryOne(api, text, isAll),
  );
  if (flags.has('json')) await stdout.line(JSON.stringify(ids));
  else for (const id of ids) await stdout.line(id);
  await stderr.line(
    `rgrid: ${ids.length === 0 ? 'nothing of it failed' : `${plural(ids.length, 'execution')} will run again`}`,
  );
  return EXIT.ok;
}

async function retryOne(api: GridApi, text: string, isAll: boolean): Promise<string[]> {
  const { kind, id } = await resolveId(api, text);
  if (kind === 'batch') return (await api.retryBatch(id, isAll)).retried;
  const { state } = await api.getExecution(id);
  if (state === 'succeeded' && !isAll)
    throw new Problem(`${id} succeeded: --force runs it again all the same`);
  return (await api.retryExecution(id, true)).retried;
}
