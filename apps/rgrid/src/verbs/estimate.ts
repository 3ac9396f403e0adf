import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import type { Estimate } from '@nexus/grid/contract';

import { readPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG, type Flag } from '../flags/flag.ts';
import { parseCount } from '../flags/values.ts';
import { ProjectFolder } from '../project/project-folder.ts';
import { usageProblem } from '../problem.ts';
import { checkScript } from '../run/check-script.ts';
import { expandInputs } from '../run/expand-inputs.ts';
import { parseRunWords, type RunWords } from '../run/parse-run-words.ts';
import { renderTable } from '../terminal/table.ts';
import { formatDuration, formatEuros, plural } from '../terminal/text.ts';
import type { Verb } from './verb.ts';

const FLAGS: readonly Flag[] = [
  {
    name: 'batch',
    short: 'b',
    value: 'FILE|PATTERN…',
    help: 'for these inputs',
    completes: 'file',
  },
  { name: 'files', value: 'N', help: 'for N executions' },
  { name: 'runtime', value: 'NAME', help: 'accepted: the script is what counts', isHidden: true },
  JSON_FLAG,
];

export const verb: Verb = {
  usage: 'estimate SCRIPT [--batch FILE|PATTERN… | --files N]',
  about: 'Guess how long a batch will take and what it will cost, from earlier runs of the script.',
  flags: FLAGS,
  completes: 'file',
  run: estimate,
};

async function estimate(context: Context, words: readonly string[]): Promise<ExitCode> {
  const parsed = parseRunWords(words, [...FLAGS, ...COMMON_FLAGS], {
    exists: (path) => existsSync(resolve(context.cwd, path)),
    findDefinition: () => undefined,
  });
  if (parsed.script === undefined)
    throw usageProblem('which script? rgrid estimate SCRIPT [--files N]');
  const project = ProjectFolder.find(context.cwd, undefined);
  const script = project.manifestPath(project.place(checkScript(parsed.script, project.cwd).path));
  const executions = countExecutions(parsed, project.cwd);
  const answer = await readPlatform(context, parsed.flags.text('profile'), (api) =>
    api.getEstimate({ script, executions }),
  );
  await context.stdout.write(
    parsed.flags.has('json') ? `${JSON.stringify(answer)}\n` : estimateText(answer, executions),
  );
  return EXIT.ok;
}

function countExecutions({ batch, flags }: RunWords, cwd: string): number {
  const files = flags.text('files');
  if (batch && files !== undefined) throw usageProblem('--batch and --files exclude each other');
  if (batch) return expandInputs(batch, cwd).length;
  return files === undefined ? 1 : parseCount('files', files, { min: 1, max: 1_000_000 });
}

function estimateText(answer: Estimate, executions: number): string {
  const basis =
    answer.samples === 0
      ? 'Nothing like it has run yet: this is a plain default.'
      : `From ${plural(answer.samples, 'earlier execution')}: half took at most ${formatDuration(answer.medianMs)}, nine of ten at most ${formatDuration(answer.p90Ms)}.`;
  const table = renderTable<Estimate['options'][number]>(
    [
      { title: 'PARALLEL', value: (option) => String(option.parallel), isRight: true },
      { title: 'TIME', value: (option) => formatDuration(option.durationMs), isRight: true },
      { title: 'COST', value: (option) => formatEuros(option.costMicros), isRight: true },
      { title: 'SERVERS', value: (option) => String(option.servers), isRight: true },
      {
        title: '',
        value: (option) =>
          option.parallel === answer.knee && answer.options.length > 1
            ? 'more than this hardly pays'
            : '',
      },
    ],
    answer.options,
  );
  return `${plural(executions, 'execution')}. ${basis}\n\n${table}`;
}
