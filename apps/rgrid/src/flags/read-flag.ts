import { usageProblem } from '../problem.ts';
import type { Flag } from './flag.ts';
import { closest } from './suggest.ts';

export interface ReadFlag {
  flag: Flag;
  values: string[];
  /** Index of the first word after the flag and its value. */
  next: number;
}

export function findFlag(flags: readonly Flag[], name: string): Flag | undefined {
  return flags.find((flag) => flag.name === name || flag.aliases?.includes(name));
}

/** The long flag that `word` is, `--name` or `--name=value`; undefined if it is none of `flags`. */
export function longFlagOf(flags: readonly Flag[], word: string): Flag | undefined {
  const name = /^--([a-z][a-z-]*)(=|$)/.exec(word)?.[1];
  return name === undefined ? undefined : findFlag(flags, name);
}

/** Reads the flag at `index`, long or short. Throws for one that is not in `flags`. */
export function readFlag(
  flags: readonly Flag[],
  words: readonly string[],
  index: number,
): ReadFlag {
  const word = words[index] ?? '';
  return word.startsWith('--') ? readLong(flags, words, index) : readShort(flags, words, index);
}

export function readLong(
  flags: readonly Flag[],
  words: readonly string[],
  index: number,
): ReadFlag {
  const word = words[index] ?? '';
  const flag = longFlagOf(flags, word);
  if (!flag) throw unknownFlag(flags, word);
  const equals = word.indexOf('=');
  if (flag.value === undefined) {
    if (equals >= 0) throw usageProblem(`--${flag.name} takes no value`);
    return { flag, values: [], next: index + 1 };
  }
  if (equals >= 0) return { flag, values: [word.slice(equals + 1)], next: index + 1 };
  return valueAfter({ flag, flags, words, index });
}

function readShort(flags: readonly Flag[], words: readonly string[], index: number): ReadFlag {
  const word = words[index] ?? '';
  const flag = flags.find((candidate) => candidate.short === word[1]);
  if (!flag) throw unknownFlag(flags, word);
  if (flag.value === undefined) {
    if (word.length > 2)
      throw usageProblem(`-${word[1]} takes no value: write "${word}" as separate flags`);
    return { flag, values: [], next: index + 1 };
  }
  const attached = word.slice(2).replace(/^=/, '');
  if (attached !== '') return { flag, values: [attached], next: index + 1 };
  return valueAfter({ flag, flags, words, index });
}

interface ValueSearch {
  flag: Flag;
  flags: readonly Flag[];
  words: readonly string[];
  index: number;
}

function valueAfter({ flag, flags, words, index }: ValueSearch): ReadFlag {
  const value = words[index + 1];
  if (value === undefined || value === '--' || longFlagOf(flags, value) !== undefined) {
    throw usageProblem(`--${flag.name} needs a value: --${flag.name} ${flag.value ?? ''}`);
  }
  return { flag, values: [value], next: index + 2 };
}

function unknownFlag(flags: readonly Flag[], word: string) {
  const given = word.split('=', 1)[0] ?? word;
  const names = flags.filter((flag) => !flag.isHidden).map((flag) => `--${flag.name}`);
  const suggestion = closest(given, names);
  return usageProblem(
    `there is no flag ${given}${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`,
  );
}
