import { resolve } from 'node:path';

import type { Context } from '../context.ts';
import { ProjectFolder } from '../project/project-folder.ts';
import { type Problem, usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';
import { checkRunnable, checkScript, type Script } from './check-script.ts';
import { refuseMissingInputs } from './check-arguments.ts';
import { findOutputObstacle } from './check-output-folder.ts';
import { scriptEnvironment, type ScriptEnvironment } from './environment.ts';
import type { BatchInput } from './expand-inputs.ts';
import { findDependencies, languageOf, type DependencyFiles } from './find-dependencies.ts';
import type { RunWords } from './parse-run-words.ts';
import { parseRunOptions, type RunOptions } from './run-options.ts';

/** A command line understood and found to be sound; nothing is read in full or sent yet. */
export interface RunPlan {
  options: RunOptions;
  project: ProjectFolder;
  script: Script;
  args: readonly string[];
  /** undefined: a single run. */
  inputs: readonly BatchInput[] | undefined;
  dependencies: readonly DependencyFiles[];
  environment: ScriptEnvironment;
}

export async function planRun(context: Context, words: RunWords): Promise<RunPlan> {
  const options = parseRunOptions(words.flags);
  if (words.script === undefined) throw noScript(words.batch);
  const project = ProjectFolder.find(context.cwd, words.flags.text('project'));
  const script = checkScript(words.script, project.cwd);
  checkRunnable(script, options.runtime !== null || options.image !== null);
  const inputs = words.batch && (await batchInputs(words.batch, project.cwd));
  refuseBatchFlags(options, inputs !== undefined);
  refuseOutputFolder(options, project.cwd, inputs !== undefined);
  refuseMissingInputs(words.args.slice(0, words.args.length - words.verbatim), project);
  return {
    options,
    project,
    script,
    args: words.args,
    inputs,
    dependencies: findDependencies({
      script: script.path,
      root: project.root,
      cwd: project.cwd,
      requirements: options.requirements,
      language: languageOf(script, options.runtime),
    }),
    environment: scriptEnvironment(
      { env: words.flags.all('env'), secrets: words.flags.all('secret') },
      context.env,
    ),
  };
}

/** All words behind `--batch` are inputs, a script among them too. */
function noScript(batch: readonly string[] | undefined): Problem {
  const last = batch?.at(-1);
  if (last === undefined)
    return usageProblem('which script? rgrid run SCRIPT [ARGS…] (rgrid run --help)');
  return usageProblem(
    `which script? --batch took ${quoted(last)} for an input; the script stands before it: rgrid run SCRIPT --batch FILE…`,
  );
}

async function batchInputs(words: readonly string[], cwd: string): Promise<BatchInput[]> {
  const { expandInputs } = await import('./expand-inputs.ts');
  return expandInputs(words, cwd);
}

function refuseBatchFlags(options: RunOptions, isBatch: boolean): void {
  if (isBatch) return;
  if (options.isFlat) throw usageProblem('--flat is for batches: add --batch');
  if (options.isFailFast) throw usageProblem('--fail-fast is for batches: add --batch');
  if (options.tagLines === 'always') throw usageProblem('--tag is for batches: add --batch');
  if (options.parallel !== null) throw usageProblem('--parallel is for batches: add --batch');
}

/** A place that cannot take the outputs is found now and not when all has run. */
function refuseOutputFolder(options: RunOptions, cwd: string, isBatch: boolean): void {
  const { outputDir, isRemoteOnly, isDetached, mode } = options;
  const isUsed = !isRemoteOnly && !isDetached && mode !== 'check';
  if (!isUsed || (outputDir === undefined && !isBatch)) return;
  const obstacle = findOutputObstacle(resolve(cwd, outputDir ?? 'outputs'));
  if (obstacle === undefined) return;
  if (outputDir !== undefined) throw usageProblem(`--output-dir ${quoted(outputDir)}: ${obstacle}`);
  throw usageProblem(
    `outputs, the folder for what a batch makes: ${obstacle} (--output-dir names another, --remote-only leaves it there)`,
  );
}
