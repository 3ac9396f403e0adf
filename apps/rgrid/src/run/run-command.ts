import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { formatBytes } from '@nexus/kit/bytes';

import { withPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, type Flag } from '../flags/flag.ts';
import { Problem, usageProblem } from '../problem.ts';
import { askChoice, askYesNo, canAsk } from '../terminal/ask.ts';
import { isWithin } from '../project/project-folder.ts';
import { Screen } from '../terminal/screen.ts';
import { quoted } from '../terminal/text.ts';
import { FlagDefinitions } from './flag-definitions.ts';
import { Interruption, type InterruptChoice } from './interruption.ts';
import { parseRunWords, withWayOut, type RunWords, type RunWordsWorld } from './parse-run-words.ts';
import { planRun, type RunPlan } from './plan-run.ts';
import { prepareRun, type PreparedRun } from './prepare-run.ts';
import { describeRelocations } from './relocations.ts';
import { RUN_FLAGS } from './run-flags.ts';
import type { RunSession } from './run-session.ts';
import { submitRun } from './submit-run.ts';

const FLAGS: readonly Flag[] = [...RUN_FLAGS, ...COMMON_FLAGS];

/** `rgrid run`: from the command line to the exit code. */
export async function runCommand(context: Context, words: readonly string[]): Promise<ExitCode> {
  const parsed = parseRunWords(words, FLAGS, runWordsWorld(context.cwd));
  const plan = await planRun(context, parsed).catch((error: unknown) => {
    throw withWayOut(error, parsed);
  });
  const { isQuiet, isJson } = plan.options;
  const screen = new Screen({
    stdout: isJson ? context.stderr : context.stdout,
    stderr: context.stderr,
    isQuiet,
  });
  await sayNotes(parsed, plan, screen);
  const prepared = await prepareRun(context, plan, {
    confirmLarge: (large) => confirmLarge(context, large.message),
    onReading: (bytes) => screen.say(`reading ${formatBytes(bytes)}`),
  });
  try {
    for (const note of prepared.notes) await screen.say(note);
    const relocated = describeRelocations(prepared.relocations);
    if (relocated !== undefined) await screen.say(relocated);
    if (plan.options.isDryRun) {
      const { printDryRun } = await import('./dry-run.ts');
      return await printDryRun(context, prepared);
    }
    return await runPrepared({ context, prepared, screen }, parsed.flags.text('profile'));
  } finally {
    prepared.dispose();
  }
}

/** Flags that are nearly always rgrid's: of these only the script's own files are asked, and no word is lost on them. */
const GRID_FLAGS: ReadonlySet<string> = new Set(['batch', 'parallel', 'detach', 'json']);

function runWordsWorld(cwd: string): RunWordsWorld {
  const byScript = new Map<string, FlagDefinitions>();
  return {
    exists: (path) => existsSync(resolve(cwd, path)),
    findDefinition: (script, name) => {
      const path = resolve(cwd, script);
      const definitions = byScript.get(path) ?? new FlagDefinitions(path, cwd);
      byScript.set(path, definitions);
      const found = definitions.find(name, { isImported: GRID_FLAGS.has(name) });
      return found !== undefined && resolve(cwd, found) === path ? script : found;
    },
  };
}

interface Prepared {
  context: Context;
  prepared: PreparedRun;
  screen: Screen;
}

async function runPrepared(
  { context, prepared, screen }: Prepared,
  profile: string | undefined,
): Promise<ExitCode> {
  const { mode } = prepared.plan.options;
  // Only what runs on the grid can go on without the terminal.
  const ask = canAsk(context) && mode === 'grid' ? askWhatNow : undefined;
  const interruption = new Interruption({ context, screen, ask });
  try {
    const here = { context, prepared, screen, interruption };
    if (mode === 'local') {
      const { runLocally } = await import('../local/run-locally.ts');
      return await runLocally(here);
    }
    return await withPlatform(context, profile, (api) => onGrid({ ...here, api }));
  } catch (error) {
    if (interruption.cancelled.aborted && !(error instanceof Problem)) return EXIT.interrupted;
    throw asRunProblem(error);
  } finally {
    interruption.close();
  }
}

async function onGrid(session: RunSession): Promise<ExitCode> {
  const { api, prepared, screen, interruption, context } = session;
  const { plan } = prepared;
  if (plan.options.mode === 'check') {
    const { checkParity } = await import('../check/check-parity.ts');
    return checkParity(session);
  }
  const submitted = submitRun(api, prepared, { signal: interruption.cancelled, screen });
  // Loaded while the platform is at work: 20 ms that nobody waits for.
  const following = Promise.all([
    import('./run-single.ts'),
    plan.inputs ? import('./run-batch.ts') : undefined,
  ]);
  const [reply, [single, batch]] = await Promise.all([submitted, following]);
  if (plan.options.isDetached) return printDetached(session, reply.batchId);
  if (batch) return batch.followBatchRun(session, reply);
  const result = await single.followSingle(session, reply.batchId);
  await screen.settle();
  if (plan.options.isJson) {
    const { execution, outputs, exitCode } = result;
    await context.stdout.line(
      JSON.stringify({ batchId: reply.batchId, exitCode, execution: execution ?? null, outputs }),
    );
  }
  return result.exitCode;
}

async function printDetached(
  { context, prepared }: RunSession,
  batchId: string,
): Promise<ExitCode> {
  const isBatch = prepared.plan.inputs !== undefined;
  const id = isBatch ? batchId : `${batchId}-0`;
  const executions = prepared.submission.executions.length;
  const text = prepared.plan.options.isJson ? JSON.stringify({ id, batchId, executions }) : id;
  await context.stdout.line(text);
  return EXIT.ok;
}

async function sayNotes(words: RunWords, plan: RunPlan, screen: Screen): Promise<void> {
  const own = words.args.slice(0, words.args.length - words.verbatim);
  for (const [index, word] of own.entries()) {
    const isPair = /^[A-Za-z_]\w*=/.test(own[index + 1] ?? '');
    if ((word !== '-e' && word !== '-m') || !isPair) continue;
    await screen.say(
      `${word} goes to ${words.script}; rgrid's own ${word} stands before the script`,
    );
  }
  const { script, project } = plan;
  if (screen.stderr.isTerminal && !isWithin(project.root, script.path)) {
    await screen.say(
      `${quoted(script.text)} is outside of this folder and travels without its neighbours`,
    );
  }

  for (const { name, definedIn } of words.leftToScript) {
    const why = definedIn === words.script ? 'which has' : `as ${quoted(definedIn)} has`;
    await screen.say(
      `--${name} goes to ${words.script}, ${why} a flag of that name; rgrid's own go before the script`,
    );
  }
  await sayTaken(words, screen);
}

async function sayTaken({ taken, script }: RunWords, screen: Screen): Promise<void> {
  const named = taken.filter((flag) => !GRID_FLAGS.has(flag.slice(2)));
  if (named.length === 0) return;
  const text = `took ${named.join(' ')} for itself; what ${quoted(script ?? '')} is to get goes behind --`;
  // A --quiet that was meant for the script must not hide that it was not given it.
  await (named.includes('--quiet') ? screen.warn(text) : screen.say(text));
}

async function confirmLarge(context: Context, message: string): Promise<void> {
  await context.stderr.line(`rgrid: ${message}`);
  if (!canAsk(context)) {
    throw usageProblem(
      'not sent without being asked: put what is not needed into .rgridignore, or add --yes',
    );
  }
  if (await askYesNo('Send all of it?')) return;
  throw new Problem('nothing was sent: put what is not needed into .rgridignore', EXIT.interrupted);
}

async function askWhatNow(signal: AbortSignal): Promise<InterruptChoice> {
  return askChoice<InterruptChoice>({
    signal,
    message: 'What should become of the run? (Ctrl-C again cancels it)',
    options: [
      { value: 'continue', label: 'Keep waiting' },
      { value: 'detach', label: 'Detach', hint: 'it goes on without this terminal' },
      { value: 'cancel', label: 'Cancel it' },
    ],
    onCancel: 'cancel',
  });
}

/** Codes below 125 are the script's; trouble with the platform must not look like one of them. */
function asRunProblem(error: unknown): unknown {
  if (!(error instanceof Problem) || error.exitCode !== EXIT.failed) return error;
  return new Problem(error.message, EXIT.platform, { cause: error });
}
