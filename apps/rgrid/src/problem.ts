import { EXIT, type ExitCode } from './exit-codes.ts';

/** A failure that ends the command with one sentence on stderr. The sentence says what to do. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly exitCode: ExitCode;

  constructor(
    message: string,
    exitCode: ExitCode = EXIT.failed,
    options: { cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = exitCode;
  }
}

/** The person's own mistake, found before anything was uploaded. */
export function usageProblem(message: string): Problem {
  return new Problem(message, EXIT.usage);
}
