import { formatBytes } from '@nexus/kit/bytes';
import type { Execution, ManifestEntry } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import { readPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { onlyId, resolveId, type Target } from '../executions/resolve-id.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { hasOutputs } from '../outputs/has-outputs.ts';
import type { Output } from '../terminal/output.ts';
import { renderTable, type Column } from '../terminal/table.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'outputs ID',
  about: 'List the files that an execution, or every execution of a batch, made or changed.',
  flags: [JSON_FLAG],
  completes: 'id',
  run: outputs,
};

async function outputs(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  const text = onlyId(positionals, 'outputs');
  await readPlatform(context, flags.text('profile'), async (api) => {
    await printOutputs(context.stdout, api, {
      target: await resolveId(api, text),
      isJson: flags.has('json'),
    });
  });
  return EXIT.ok;
}

interface Listed {
  execution: Execution;
  entry: ManifestEntry;
}

export async function printOutputs(
  stdout: Output,
  api: GridApi,
  { target, isJson }: { target: Target; isJson: boolean },
): Promise<void> {
  const listed = await Array.fromAsync(listOutputs(api, target));
  if (isJson) {
    const rows = listed.map(({ execution, entry }) => ({ execution: execution.id, ...entry }));
    return stdout.line(JSON.stringify(rows));
  }
  if (listed.length === 0) return stdout.line('it made and changed no files');
  const columns: Column<Listed>[] = [
    ...(target.kind === 'batch'
      ? [{ title: 'EXECUTION', value: ({ execution }: Listed) => execution.id }]
      : []),
    {
      title: 'SIZE',
      value: ({ entry }) => (entry.type === 'file' ? formatBytes(entry.sizeBytes) : ''),
      isRight: true,
    },
    {
      title: 'MODE',
      value: ({ entry }) =>
        entry.type === 'symlink' ? 'link' : entry.mode.toString(8).padStart(3, '0'),
    },
    { title: 'PATH', value: ({ entry }) => describePath(entry) },
  ];
  await stdout.write(renderTable(columns, listed));
}

function describePath(entry: ManifestEntry): string {
  if (entry.type === 'symlink') return `${entry.path} -> ${entry.target}`;
  return entry.type === 'directory' ? `${entry.path}/` : entry.path;
}

async function* listOutputs(api: GridApi, target: Target): AsyncGenerator<Listed> {
  const executions =
    target.kind === 'batch' ? api.executionsOf(target.id) : [await api.getExecution(target.id)];
  for await (const execution of executions) {
    if (!hasOutputs(execution) || execution.retriedAs !== null) continue;
    for (const entry of (await api.getOutputs(execution.id)).entries) yield { execution, entry };
  }
}
