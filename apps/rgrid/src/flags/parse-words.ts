import { type Flag, FlagValues } from './flag.ts';
import { readFlag } from './read-flag.ts';

export interface ParsedWords {
  flags: FlagValues;
  positionals: string[];
}

/** Flags and positionals in any order; `--` makes everything after it positional. */
export function parseWords(words: readonly string[], table: readonly Flag[]): ParsedWords {
  const flags = new FlagValues();
  const positionals: string[] = [];
  let index = 0;
  while (index < words.length) {
    const word = words[index] ?? '';
    if (word === '--') {
      positionals.push(...words.slice(index + 1));
      break;
    }
    if (word.startsWith('-') && word !== '-') {
      const read = readFlag(table, words, index);
      flags.add(read.flag.name, read.values);
      index = read.next;
    } else {
      positionals.push(word);
      index += 1;
    }
  }
  return { flags, positionals };
}
