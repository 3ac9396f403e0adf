import type { GridApi } from '../api/grid-api.ts';
import { readPlatform } from '../connection/connect.ts';
import { readCredentials } from '../connection/credentials.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, type Flag } from '../flags/flag.ts';
import { findFlag } from '../flags/read-flag.ts';
import { VERBS } from '../verbs.ts';
import type { Verb } from '../verbs/verb.ts';

const FILES = [':files'];

/** `rgrid __complete INDEX WORD…`: what may stand at this place, one word a line. */
export async function complete(context: Context, words: readonly string[]): Promise<ExitCode> {
  const [index = '0', ...line] = words;
  const offered = await offers(context, { line, position: Number(index) });
  await context.stdout.write(offered.map((word) => `${word}\n`).join(''));
  return EXIT.ok;
}

interface Place {
  /** The command line from `rgrid` on. */
  line: readonly string[];
  position: number;
}

async function offers(context: Context, { line, position }: Place): Promise<readonly string[]> {
  const current = line[position] ?? '';
  if (position <= 1)
    return startingWith(current, [
      ...VERBS.map((verb) => verb.name),
      'help',
      '--help',
      '--version',
    ]);
  const name = line[1] ?? '';
  if (name === 'help')
    return startingWith(
      current,
      VERBS.map((verb) => verb.name),
    );
  if (name === 'completion') return startingWith(current, ['bash', 'zsh', 'fish']);
  const verb = await VERBS.find((entry) => entry.name === name)?.load();
  if (!verb) return [];
  const flags = [...verb.flags, ...COMMON_FLAGS];
  const before = line.slice(2, position);
  // Behind `--`, or behind the script, everything may be the script's own.
  if (before.includes('--')) return FILES;
  const open = openFlag(flags, before.at(-1) ?? '');
  if (open) return startingWith(current, await flagValues(context, open));
  if (current.startsWith('-')) return startingWith(current, flagNames(flags));
  return startingWith(current, await positionalWords(context, verb));
}

/** The flag whose value is being typed. */
function openFlag(flags: readonly Flag[], previous: string): Flag | undefined {
  const flag = previous.startsWith('--')
    ? findFlag(flags, previous.slice(2))
    : flags.find((candidate) => `-${candidate.short}` === previous);
  return flag?.value === undefined ? undefined : flag;
}

async function flagValues(context: Context, flag: Flag): Promise<readonly string[]> {
  if (flag.name === 'profile') return [...readCredentials(context.home).keys()];
  if (flag.name === 'batch' && flag.value === 'ID') return newestIds(context);
  if (flag.completes === 'file' || flag.completes === 'directory') return FILES;
  return flag.completes ?? [];
}

function flagNames(flags: readonly Flag[]): string[] {
  return flags.filter((flag) => !flag.isHidden).map((flag) => `--${flag.name}`);
}

async function positionalWords(context: Context, verb: Verb): Promise<readonly string[]> {
  if (verb.completes === 'file') return FILES;
  return verb.completes === 'id' ? newestIds(context) : [];
}

async function newestIds(context: Context): Promise<string[]> {
  const find = async (api: GridApi) => {
    const { executions } = await api.listExecutions({ limit: 100 });
    return [...new Set(executions.flatMap((execution) => [execution.batchId, execution.id]))];
  };
  return readPlatform(context, undefined, find);
}

function startingWith(prefix: string, words: readonly string[]): readonly string[] {
  return words === FILES ? words : words.filter((word) => word.startsWith(prefix));
}
