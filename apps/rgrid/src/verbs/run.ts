import { RUN_FLAGS } from '../run/run-flags.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'run [FLAGS] SCRIPT [ARGS…] [--batch FILE|PATTERN…]',
  about: `Run a script on the grid as it would run here: the current folder travels (.gitignore and
.rgridignore are honoured), output appears live, what the script makes or changes comes back, and
its exit code becomes the exit code of the command.

Flags stand before SCRIPT; long ones may follow it, unless the script or a file it imports has a flag
of the same name: what was taken, and what was left to the script, is said. Everything behind -- goes
to the script. With --batch it runs once for each input, which is put behind the other arguments or in
the place of {}.

What a script prints is passed on byte for byte. Of a batch what each printed comes in one piece as it
ends; on a terminal its lines begin with their input and a tab, in a pipe or file only with --tag.`,
  flags: RUN_FLAGS,
  examples: [
    'rgrid run process.py data.csv',
    'rgrid run process.py --batch data/*.csv --parallel 20',
    "rgrid run --batch '{1..100}' simulate.py --seed {}",
    'rgrid run --timeout 2h --memory 4G train.py -- --timeout 5',
  ],
  completes: 'file',
  run: async (context, words) => (await import('../run/run-command.ts')).runCommand(context, words),
};
