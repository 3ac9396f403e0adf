import { EXIT_CODE_HELP } from '../exit-codes.ts';
import { type Problem, usageProblem } from '../problem.ts';
import type { Output } from '../terminal/output.ts';
import { VERBS } from '../verbs.ts';
import { closest } from './suggest.ts';
import { COMMON_FLAGS, type Flag } from './flag.ts';

/** The text of `rgrid --help`, `rgrid help exit-codes` and `rgrid help VERB`. */
export async function helpText([topic]: readonly string[], output: Output): Promise<string> {
  if (topic === undefined) return generalHelp(output);
  if (topic === 'exit-codes') return `${exitCodeLines().join('\n')}\n`;
  const entry = VERBS.find((verb) => verb.name === topic);
  if (entry) return verbHelp(topic, output);
  throw unknownVerb(topic);
}

/** With the verb that was probably meant. */
export function unknownVerb(word: string): Problem {
  const suggestion = closest(
    word,
    VERBS.map((verb) => verb.name),
  );
  const hint = suggestion === undefined ? ' (rgrid --help)' : `; did you mean ${suggestion}?`;
  return usageProblem(`there is no verb ${JSON.stringify(word)}${hint}`);
}

function generalHelp(output: Output): string {
  const bold = (text: string) => output.paint('bold', text);
  const width = Math.max(...VERBS.map((verb) => verb.name.length)) + 2;
  return [
    'Run scripts on the grid as they would run here.',
    '',
    `${bold('Usage')}  rgrid VERB …`,
    '',
    bold('Verbs'),
    ...VERBS.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    '',
    bold('Exit codes'),
    ...exitCodeLines(),
    '',
    'rgrid help VERB says more about one of them.',
    '',
  ].join('\n');
}

function exitCodeLines(): string[] {
  return EXIT_CODE_HELP.map(([code, meaning]) => `  ${code.padEnd(5)}${meaning}`);
}

async function verbHelp(name: string, output: Output): Promise<string> {
  const verb = await VERBS.find((entry) => entry.name === name)?.load();
  if (!verb) return '';
  const bold = (text: string) => output.paint('bold', text);
  return [
    verb.about,
    '',
    `${bold('Usage')}  rgrid ${verb.usage}`,
    '',
    bold('Flags'),
    ...flagLines([...verb.flags, ...COMMON_FLAGS]),
    ...(verb.examples
      ? ['', bold('Examples'), ...verb.examples.map((example) => `  ${example}`)]
      : []),
    '',
  ].join('\n');
}

function flagLines(flags: readonly Flag[]): string[] {
  const shown = flags.filter((flag) => !flag.isHidden);
  const heads = shown.map((flag) => {
    const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
    return `  ${short}--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`;
  });
  const width = Math.min(32, Math.max(...heads.map((head) => head.length)) + 2);
  return shown.map((flag, index) => {
    const head = heads[index] ?? '';
    return head.length < width
      ? head.padEnd(width) + flag.help
      : `${head}\n${' '.repeat(width)}${flag.help}`;
  });
}
