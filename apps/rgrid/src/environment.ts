import { homedir } from 'node:os';

/** The variables of the process, as main.ts found them. */
export type Environment = Readonly<Record<string, string | undefined>>;

export function homeOf(env: Environment): string {
  const home = env['HOME'];
  return home === undefined || home === '' ? homedir() : home;
}
