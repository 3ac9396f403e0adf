import { EXIT } from '../exit-codes.ts';
import { VERSION } from '../version.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'version',
  about: 'Print the version of rgrid.',
  flags: [],
  run: async ({ stdout }) => {
    await stdout.line(`rgrid ${VERSION}`);
    return EXIT.ok;
  },
};
