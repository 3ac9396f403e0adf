import { resolve } from 'node:path';

import type { Batch, Execution, Manifest, ManifestEntry } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import { ApiError } from '../api/failures.ts';
import { asManifest } from '../api/checks.ts';
import { readText } from '../api/http-transport.ts';
import { readPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { onlyId, resolveId } from '../executions/resolve-id.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, JSON_FLAG, type FlagValues } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { BatchOutputs } from '../outputs/batch-outputs.ts';
import { fetchOutputs } from '../outputs/fetch-outputs.ts';
import { layoutItem, outputFolders } from '../outputs/layout.ts';
import { gridOutputs, type OutputsSource } from '../outputs/outputs-source.ts';
import { reportOutputs } from '../outputs/report-outputs.ts';
import { Problem } from '../problem.ts';
import { isWithin } from '../project/project-folder.ts';
import { hasEnded } from '../run/outcome.ts';
import { Screen } from '../terminal/screen.ts';
import { plural, quoted } from '../terminal/text.ts';
import { printOutputs } from './outputs.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'download ID',
  about: `Fetch what an execution made or changed into this folder, or of a batch what has ended so far
into ./outputs. Files changed here stay; the run's are laid beside them.`,
  flags: [
    {
      name: 'output-dir',
      short: 'o',
      value: 'DIR',
      help: 'into this folder',
      completes: 'directory',
    },
    { name: 'file', value: 'PATH', help: 'only this file; may be given again' },
    { name: 'flat', help: 'of a batch: all files into one folder' },
    { name: 'list', help: 'only list what there is' },
    JSON_FLAG,
  ],
  completes: 'id',
  run: download,
};

async function download(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  const text = onlyId(positionals, 'download');
  await readPlatform(context, flags.text('profile'), async (api) => {
    const target = await resolveId(api, text);
    if (flags.has('list'))
      return printOutputs(context.stdout, api, { target, isJson: flags.has('json') });
    const screen = new Screen({ stdout: context.stdout, stderr: context.stderr, isQuiet: false });
    const job = { context, api, screen, flags };
    await (target.kind === 'execution'
      ? downloadExecution(job, target.id)
      : downloadBatch(job, target.id));
    await screen.settle();
  });
  return EXIT.ok;
}

interface Job {
  context: Context;
  api: GridApi;
  screen: Screen;
  flags: FlagValues;
}

async function downloadExecution({ context, api, screen, flags }: Job, id: string): Promise<void> {
  const execution = await api.getExecution(id);
  const folder = resolve(context.cwd, flags.text('output-dir') ?? '.');
  const source = await sourceFor({ context, api }, { batchId: execution.batchId, folder });
  const only = flags.has('file') ? { only: new Set(flags.all('file')) } : {};
  const report = await fetchOutputs(source, { execution, folder, ...only });
  if (report.placed.length + report.skipped.length === 0) {
    if (flags.has('file'))
      throw new Problem(`${id} has no output ${flags.all('file').map(quoted).join(', ')}`);
    await screen.say(
      hasEnded(execution.state) ? `${id} made and changed no files` : `${id} has not ended yet`,
    );
  }
  await reportOutputs(screen, report);
  if (report.placed.length > 0 && report.changed.length === 0)
    await screen.say(`${plural(report.placed.length, 'file is', 'files are')} here already`);
  if (flags.has('json')) await context.stdout.line(JSON.stringify(report));
}

async function downloadBatch({ context, api, screen, flags }: Job, id: string): Promise<void> {
  const batch = await api.getBatch(id);
  const folder = resolve(context.cwd, flags.text('output-dir') ?? 'outputs');
  const executions = (await Array.fromAsync(api.executionsOf(id))).filter(
    (execution) => execution.retriedAs === null,
  );
  const outputs = new BatchOutputs({
    source: await sourceFor({ context, api }, { batchId: id, folder }),
    screen,
    folder,
    folders: foldersByIndex(batch, executions),
    isFlat: flags.has('flat'),
  });
  const ended = executions.filter((execution) => hasEnded(execution.state));
  for (const execution of ended) outputs.add(execution);
  await outputs.finish();
  await screen.say(
    `fetched ${plural(outputs.written, 'new file')} of ${ended.length} ended executions into ${folder}`,
  );
  if (ended.length < executions.length)
    await screen.say(`${plural(executions.length - ended.length, 'execution')} to go`);
  if (flags.has('json'))
    await context.stdout.line(
      JSON.stringify({
        folder,
        written: outputs.written,
        ended: ended.length,
        total: executions.length,
      }),
    );
}

function foldersByIndex({ spec }: Batch, executions: readonly Execution[]): string[] {
  const ordered = executions.toSorted((a, b) => a.index - b.index);
  return outputFolders(
    ordered.map((execution) => layoutItem(execution, resolve(spec.root, spec.workingDirectory))),
  );
}

/** Knows what was sent with the run by asking for it, but only once a local file is in the way. */
async function sourceFor(
  { context, api }: { context: Context; api: GridApi },
  { batchId, folder }: { batchId: string; folder: string },
): Promise<OutputsSource> {
  let entries: Promise<Map<string, ManifestEntry>> | undefined;
  const load = async () => {
    const { projectSha256 } = await api.getBatch(batchId);
    const project = await findProject(api, projectSha256);
    return new Map((project?.entries ?? []).map((entry) => [resolve(folder, entry.path), entry]));
  };
  return gridOutputs(api, {
    home: context.home,
    sent: async (path) => {
      if (!isWithin(folder, path)) return undefined;
      entries ??= load();
      return (await entries).get(path);
    },
  });
}

/** undefined once the platform has forgotten it: then nothing here is known to have been sent. */
async function findProject(api: GridApi, sha256: string): Promise<Manifest | undefined> {
  try {
    const response = await api.send({ method: 'GET', path: `/blobs/${sha256}` });
    return asManifest(JSON.parse(await readText(response)));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}
