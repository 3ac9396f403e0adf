import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { Problem } from '../problem.ts';

/** Whether a question can be put: somebody sees it and can type the answer. */
export function canAsk(context: Context): boolean {
  return context.stdin.isTerminal && context.stderr.isTerminal;
}

/** Yes or no; no for Ctrl-C. @clack/prompts is loaded only now: it costs 15 ms. */
export async function askYesNo(message: string): Promise<boolean> {
  const { confirm } = await import('@clack/prompts');
  return (await confirm({ message, initialValue: false, output: process.stderr })) === true;
}

export interface AskOption<T extends string> {
  value: T;
  label: string;
  hint?: string;
}

/** One of the options; `onCancel` for Ctrl-C, and when the signal takes the question back. */
export async function askChoice<T extends string>(question: {
  message: string;
  options: readonly AskOption<T>[];
  onCancel: T;
  signal: AbortSignal;
}): Promise<T> {
  const { select } = await import('@clack/prompts');
  const { message, options, onCancel, signal } = question;
  if (signal.aborted) return onCancel;
  const answer: unknown = await select<string>({
    message,
    signal,
    options: [...options],
    output: process.stderr,
  });
  return options.find((option) => option.value === answer)?.value ?? onCancel;
}

/** A line of text; Ctrl-C ends the command. */
export async function askText(message: string, initialValue: string): Promise<string> {
  const { text } = await import('@clack/prompts');
  const answer = await text({ message, initialValue, output: process.stderr });
  return typeof answer === 'string' ? answer.trim() : giveUp();
}

/** A line that is not shown while it is typed. */
export async function askSecret(message: string): Promise<string> {
  const { password } = await import('@clack/prompts');
  const answer = await password({ message, mask: '', output: process.stderr });
  return typeof answer === 'string' ? answer : giveUp();
}

function giveUp(): never {
  throw new Problem('stopped; nothing was stored', EXIT.interrupted);
}
