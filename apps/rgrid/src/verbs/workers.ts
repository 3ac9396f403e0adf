import { formatBytes } from '@nexus/kit/bytes';
import type { Worker } from '@nexus/grid/contract';

import { readPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { age } from '../executions/describe.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { usageProblem } from '../problem.ts';
import { renderTable, type Column } from '../terminal/table.ts';
import { formatEuros } from '../terminal/text.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'workers',
  about: 'List the workers: what they have, what they are doing, which sandboxes they offer.',
  flags: [JSON_FLAG],
  run: workers,
};

async function workers(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  if (positionals.length > 0) throw usageProblem('rgrid workers takes no arguments');
  const list = await readPlatform(context, flags.text('profile'), (api) => api.listWorkers());
  const { stdout } = context;
  if (flags.has('json')) await stdout.line(JSON.stringify(list));
  else if (list.length === 0) await stdout.line('no worker is connected');
  else await stdout.write(workerTable(list, Date.now()));
  return EXIT.ok;
}

const SERVER: Column<Worker> = {
  title: 'SERVER',
  value: ({ server }) => {
    if (!server) return '';
    const place = `${server.serverType} in ${server.location}`;
    return server.paidUntil === null
      ? place
      : `${place}, paid until ${server.paidUntil.slice(11, 16)} UTC`;
  },
};

export function workerTable(list: readonly Worker[], now: number): string {
  return renderTable<Worker>(
    [
      { title: 'NAME', value: (worker) => worker.name },
      { title: 'STATE', value: (worker) => worker.state },
      { title: 'BUSY', value: (worker) => `${worker.busy}/${worker.slots}`, isRight: true },
      { title: 'CPUS', value: (worker) => String(worker.cpus), isRight: true },
      { title: 'MEMORY', value: (worker) => formatBytes(worker.memoryBytes), isRight: true },
      { title: 'SANDBOXES', value: (worker) => worker.drivers.join(', ') },
      {
        title: 'PER HOUR',
        value: (worker) => formatEuros(worker.priceMicrosPerHour),
        isRight: true,
      },
      // Where every machine is always there, nobody needs to read so of each.
      ...(list.some(({ server }) => server) ? [SERVER] : []),
      { title: 'LAST HEARD', value: (worker) => age(worker.heartbeatAt, now) },
    ],
    list,
  );
}
