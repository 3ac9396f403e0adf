import { formatBytes } from '@nexus/kit/bytes';

import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { plural, quoted } from '../terminal/text.ts';
import type { PreparedRun } from './prepare-run.ts';

/** Says what would travel and run. */
export async function printDryRun({ stdout }: Context, prepared: PreparedRun): Promise<ExitCode> {
  const { submission, plan, totalBytes } = prepared;
  if (plan.options.isJson) {
    // Values of variables may be secrets.
    const { env, ...rest } = submission;
    await stdout.line(JSON.stringify({ ...rest, env: Object.keys(env ?? {}), totalBytes }));
    return EXIT.ok;
  }
  const lines = [
    ...headLines(prepared),
    '',
    ...submission.project.entries.map(describeEntry),
    '',
    `${plural(submission.executions.length, 'execution')}:`,
    ...submission.executions.map(
      ({ args, input }) =>
        `  ${[plan.script.text, ...args].map(quoted).join(' ')}${input ? `  (${formatBytes(input.sizeBytes)})` : ''}`,
    ),
  ];
  await stdout.write(`${lines.join('\n')}\n`);
  return EXIT.ok;
}

function headLines({ submission, plan, totalBytes }: PreparedRun): string[] {
  const { spec } = submission;
  const dependencies = (spec.dependencies ?? []).map(
    (dependency) =>
      `${dependency.manager}: ${dependency.files.map((file) => quoted(file.path)).join(', ')}`,
  );
  return [
    `project   ${plan.project.root}`,
    `runtime   ${spec.image ?? spec.runtime ?? 'by the script'}`,
    ...(dependencies.length > 0 ? [`installs  ${dependencies.join('; ')}`] : []),
    ...(spec.stdin ? [`stdin     ${formatBytes(spec.stdin.sizeBytes)}`] : []),
    `travels   ${plural(submission.project.entries.length, 'entry', 'entries')}, ${formatBytes(totalBytes)} in all`,
  ];
}

function describeEntry(entry: PreparedRun['submission']['project']['entries'][number]): string {
  switch (entry.type) {
    case 'file':
      return `${formatBytes(entry.sizeBytes).padStart(8)}  ${quoted(entry.path)}`;
    case 'directory':
      return `${'empty'.padStart(8)}  ${quoted(entry.path)}/`;
    case 'symlink':
      return `${'link'.padStart(8)}  ${quoted(entry.path)} -> ${quoted(entry.target)}`;
  }
}
