/** What `rgrid` exits with. `rgrid run` of one script exits with the script's own code. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  outputs: 74,
  timedOut: 124,
  platform: 125,
  notStarted: 126,
  interrupted: 130,
  outOfMemory: 137,
  brokenPipe: 141,
} as const;

export type ExitCode = number;

/** The table behind `rgrid help exit-codes` and the end of `rgrid --help`. */
export const EXIT_CODE_HELP: readonly (readonly [string, string])[] = [
  ['0', 'done; for a batch: all succeeded, or no more failed than --allow-failures allows'],
  ['N', 'run of one script: the exit code of the script itself; 128 + S if signal S ended it'],
  ['1', 'a batch with failures; --check found a difference; what was asked for is not there'],
  ['2', 'the command line, a file or a setting is wrong; nothing was uploaded'],
  ['74', 'the run succeeded, but its outputs could not be written here'],
  ['124', 'the script ran into its --timeout'],
  ['125', 'the platform could not be reached, refused the request or lost the run'],
  ['126', 'the script could not be started (runtime, image or dependencies)'],
  ['130', 'cancelled, here or elsewhere'],
  ['137', 'the script ran into its --memory; where stderr says SIGKILL, that signal ended it'],
  ['141', 'stdout was closed by its reader while a script was still writing'],
  ['153', 'the script ran into its --disk'],
];
