import { COMPLETION_SCRIPTS } from '../completion/scripts.ts';
import { EXIT } from '../exit-codes.ts';
import { COMMON_FLAGS } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { usageProblem } from '../problem.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'completion bash|zsh|fish',
  about: 'Print a script that completes verbs, flags and ids in your shell.',
  flags: [],
  examples: [
    'echo \'eval "$(rgrid completion bash)"\' >> ~/.bashrc',
    'echo \'eval "$(rgrid completion zsh)"\' >> ~/.zshrc',
    'rgrid completion fish > ~/.config/fish/completions/rgrid.fish',
  ],
  run: async ({ stdout }, words) => {
    const { positionals } = parseWords(words, COMMON_FLAGS);
    const [shell = '', ...more] = positionals;
    const script = COMPLETION_SCRIPTS[shell];
    if (script === undefined || more.length > 0)
      throw usageProblem('for which shell? rgrid completion bash, zsh or fish');
    await stdout.write(script);
    return EXIT.ok;
  },
};
