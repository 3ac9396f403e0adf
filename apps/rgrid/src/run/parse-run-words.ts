import { type Flag, FlagValues } from '../flags/flag.ts';
import { longFlagOf, readFlag, readLong } from '../flags/read-flag.ts';
import { Problem, usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';

export interface RunWords {
  flags: FlagValues;
  script: string | undefined;
  /** What the script gets, byte for byte. */
  args: string[];
  /** How many of `args`, from the end, stood behind `--`. */
  verbatim: number;
  /** The words after `--batch`; undefined without it. */
  batch: string[] | undefined;
  /** Flags after SCRIPT that both sides know and the script was given, with the file that defines each. */
  leftToScript: { name: string; definedIn: string }[];
  /** Flags after SCRIPT that rgrid took, as they were typed, without their values: one may be a secret. */
  taken: string[];
}

/** What the rules ask of the world. */
export interface RunWordsWorld {
  exists(path: string): boolean;
  /** The file that gives the script a flag of this name (`--name`), if there is one. */
  findDefinition(script: string, name: string): string | undefined;
}

/**
 * Tells rgrid's flags from the script's.
 *
 * Before SCRIPT every flag is rgrid's and an unknown one is an error. After SCRIPT
 * - `--` ends rgrid's flags: everything behind it is the script's, the `--` itself is dropped;
 * - rgrid's long flags are rgrid's, unless the script or what it imports defines a flag of that name;
 * - everything else, short flags and `--help` included, is the script's.
 *
 * `--batch` takes the words up to the next flag of rgrid, `--`, or a word that starts with a dash
 * and names no file: the shell has expanded the pattern by then.
 */
export function parseRunWords(
  words: readonly string[],
  table: readonly Flag[],
  world: RunWordsWorld,
): RunWords {
  const whole = attempt({ words, table, world, isOneWordBatch: false });
  if (isPlausible(whole, world)) return whole.words;
  // `--batch 'data/*.csv' process.py`: the script was taken for an input.
  const oneWord = attempt({ words, table, world, isOneWordBatch: true });
  const chosen = isPlausible(oneWord, world) ? oneWord : whole;
  if (chosen.problem) throw withWayOut(chosen.problem, chosen.words);
  return chosen.words;
}

/** A refused flag may have been the script's: every refusal begins with the flag it is about. */
export function withWayOut(problem: unknown, { taken, script }: RunWords): unknown {
  if (!(problem instanceof Problem)) return problem;
  const flag = /^--[a-z-]+/.exec(problem.message)?.[0];
  if (flag === undefined || !taken.includes(flag)) return problem;
  return usageProblem(
    `${problem.message} (to give it to ${quoted(script ?? '')}, write -- before it)`,
  );
}

interface Attempt {
  words: RunWords;
  problem: Problem | undefined;
}

function attempt(input: ParserInput): Attempt {
  const parser = new RunWordsParser(input);
  try {
    return { words: parser.parse(), problem: undefined };
  } catch (error) {
    if (error instanceof Problem) return { words: parser.result, problem: error };
    throw error;
  }
}

function isPlausible({ words, problem }: Attempt, world: RunWordsWorld): boolean {
  return problem === undefined && words.script !== undefined && world.exists(words.script);
}

interface ParserInput {
  words: readonly string[];
  table: readonly Flag[];
  world: RunWordsWorld;
  isOneWordBatch: boolean;
}

class RunWordsParser {
  readonly #input: ParserInput;
  readonly #flagsAfterScript: readonly Flag[];
  readonly result: RunWords = {
    flags: new FlagValues(),
    script: undefined,
    args: [],
    verbatim: 0,
    batch: undefined,
    leftToScript: [],
    taken: [],
  };
  #index = 0;

  constructor(input: ParserInput) {
    this.#input = input;
    this.#flagsAfterScript = input.table.filter((flag) => flag.name !== 'help');
  }

  parse(): RunWords {
    const { words } = this.#input;
    while (this.#index < words.length) {
      const word = words[this.#index] ?? '';
      if (word === '--') {
        this.#takeVerbatim();
        break;
      }
      if (this.result.script === undefined) this.#takeBeforeScript(word);
      else this.#takeAfterScript(word, this.result.script);
    }
    return this.result;
  }

  #takeVerbatim(): void {
    const rest = this.#input.words.slice(this.#index + 1);
    if (this.result.script === undefined) this.result.script = rest.shift();
    this.result.args.push(...rest);
    this.result.verbatim = rest.length;
  }

  #takeBeforeScript(word: string): void {
    const { words, table } = this.#input;
    if (!word.startsWith('-') || word === '-') {
      this.result.script = word;
      this.#index += 1;
    } else if (word === '--batch' || word === '-b') {
      this.#takeBatch();
    } else {
      const read = readFlag(table, words, this.#index);
      this.#accept(read.flag, read.values);
      this.#index = read.next;
    }
  }

  #takeAfterScript(word: string, script: string): void {
    const flag = longFlagOf(this.#flagsAfterScript, word);
    if (!flag) {
      this.#giveToScript(word);
      return;
    }
    const typed = word.split('=', 1)[0] ?? word;
    const name = typed.slice(2);
    const definedIn = this.#input.world.findDefinition(script, name);
    if (definedIn !== undefined) {
      this.result.leftToScript.push({ name, definedIn });
      this.#giveToScript(word);
      return;
    }
    this.result.taken.push(typed);
    if (word === '--batch') {
      this.#takeBatch();
    } else {
      const read = readLong(this.#flagsAfterScript, this.#input.words, this.#index);
      this.#accept(read.flag, read.values);
      this.#index = read.next;
    }
  }

  #giveToScript(word: string): void {
    this.result.args.push(word);
    this.#index += 1;
  }

  #accept(flag: Flag, values: readonly string[]): void {
    if (flag.name === 'batch') this.result.batch = [...(this.result.batch ?? []), ...values];
    else this.result.flags.add(flag.name, values);
  }

  #takeBatch(): void {
    const { words, table, world, isOneWordBatch } = this.#input;
    const taken: string[] = [];
    this.#index += 1;
    for (; this.#index < words.length; this.#index += 1) {
      const word = words[this.#index] ?? '';
      if (word === '--' || longFlagOf(table, word)) break;
      if (word.startsWith('-') && !world.exists(word)) break;
      if (isOneWordBatch && this.result.script === undefined && taken.length === 1) break;
      taken.push(word);
    }
    // `--batch a.csv -- process.py`: here `--` only ends the list of inputs, the script follows.
    this.result.batch = [...(this.result.batch ?? []), ...taken];
  }
}
