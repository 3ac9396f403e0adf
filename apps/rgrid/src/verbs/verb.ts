import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flag } from '../flags/flag.ts';

/** One verb of the command line. Its file is light: what it needs to run is imported inside `run`. */
export interface Verb {
  /** `run SCRIPT [ARGS…]` */
  usage: string;
  /** What it does, as its help begins. */
  about: string;
  flags: readonly Flag[];
  examples?: readonly string[];
  /** What its positionals are, for completion. */
  completes?: 'id' | 'file';
  run(context: Context, words: readonly string[]): Promise<ExitCode>;
}
