import { errorMessage } from '@nexus/kit/errors';

import type { Context } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { Problem, usageProblem } from './problem.ts';
import { VERBS } from './verbs.ts';

/** Runs one command line and returns what the process exits with. Never throws. */
export async function runCommandLine(
  context: Context,
  words: readonly string[],
): Promise<ExitCode> {
  try {
    const exitCode = await dispatch(context, words);
    await context.stdout.flush();
    return exitCode;
  } catch (error) {
    return report(context, error);
  }
}

async function dispatch(context: Context, words: readonly string[]): Promise<ExitCode> {
  const [first, ...rest] = words;
  if (first === '--version' || first === '-V') return printVersion(context);
  if (first === undefined || first === '--help' || first === '-h') return printHelp(context, []);
  if (first === 'help') return printHelp(context, rest);
  if (first === '__complete')
    return (await import('./completion/complete.ts')).complete(context, rest);
  const entry = VERBS.find((candidate) => candidate.name === first);
  if (!entry) throw await unknownVerb(first);
  if (asksForHelp(first, rest)) return printHelp(context, [first]);
  const verb = await entry.load();
  return verb.run(context, rest);
}

/** `rgrid run x.py --help` is the script's; every other verb shows its own help wherever it is asked. */
function asksForHelp(verb: string, words: readonly string[]): boolean {
  const own =
    verb === 'run'
      ? words.slice(0, 1)
      : words.slice(0, words.includes('--') ? words.indexOf('--') : undefined);
  return own.includes('--help') || own.includes('-h');
}

async function printVersion({ stdout }: Context): Promise<ExitCode> {
  const { VERSION } = await import('./version.ts');
  await stdout.line(`rgrid ${VERSION}`);
  return EXIT.ok;
}

async function printHelp(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { helpText } = await import('./flags/help.ts');
  await context.stdout.write(await helpText(words, context.stdout));
  return EXIT.ok;
}

async function unknownVerb(word: string): Promise<Problem> {
  if (word.startsWith('-'))
    return usageProblem(`there is no flag ${word} before a verb (rgrid --help)`);
  return (await import('./flags/help.ts')).unknownVerb(word);
}

async function report({ stderr, env }: Context, error: unknown): Promise<ExitCode> {
  const prefix = stderr.paint('red', 'rgrid:');
  if (error instanceof Problem) {
    await stderr.line(`${prefix} ${error.message}`);
    if (env['RGRID_DEBUG']) await stderr.line(error.stack ?? '');
    return error.exitCode;
  }
  // Not a mistake of the person's but of this program.
  await stderr.line(`${prefix} this should not have happened: ${errorMessage(error)}`);
  await stderr.line(
    env['RGRID_DEBUG'] && error instanceof Error
      ? (error.stack ?? '')
      : 'RGRID_DEBUG=1 shows where',
  );
  return EXIT.platform;
}
