import type { CancelReply } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import { withPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { resolveId } from '../executions/resolve-id.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { usageProblem } from '../problem.ts';
import { plural } from '../terminal/text.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'cancel ID…',
  about: 'Stop batches or executions. What waits ends at once, what runs within ten seconds.',
  flags: [JSON_FLAG],
  completes: 'id',
  run: cancel,
};

async function cancel(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  if (positionals.length === 0)
    throw usageProblem('cancel what? rgrid cancel ID… (rgrid status lists the newest runs)');
  const replies = await withPlatform(context, flags.text('profile'), async (api) => {
    const done: (CancelReply & { id: string })[] = [];
    for (const text of positionals) done.push(await cancelOne(api, text));
    return done;
  });
  if (flags.has('json')) await context.stdout.line(JSON.stringify(replies));
  else for (const reply of replies) await context.stdout.line(`${reply.id}: ${describe(reply)}`);
  return EXIT.ok;
}

async function cancelOne(api: GridApi, text: string): Promise<CancelReply & { id: string }> {
  const { kind, id } = await resolveId(api, text);
  const reply = kind === 'batch' ? await api.cancelBatch(id) : await api.cancelExecution(id);
  return { id, ...reply };
}

function describe({ cancelled, stopping }: CancelReply): string {
  if (cancelled + stopping === 0) return 'it had ended already';
  const parts = [
    ...(cancelled > 0 ? [`${plural(cancelled, 'execution')} cancelled`] : []),
    ...(stopping > 0 ? [`${plural(stopping, 'execution')} stopping`] : []),
  ];
  return parts.join(', ');
}
