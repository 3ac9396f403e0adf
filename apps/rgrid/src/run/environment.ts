import type { Environment } from '../environment.ts';
import { usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';

export interface ScriptEnvironment {
  env: Record<string, string>;
  /** Names whose values are masked in logs. */
  masked: string[];
}

const SECRET_NAME = /TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|KEY|CREDENTIAL|DSN|AUTH/i;
/** Masking a shorter value would blank innocent words all over a log. */
const MIN_MASKED_LENGTH = 6;

/** What `--env` and `--secret` say; a bare name takes its value from the environment here. */
export function scriptEnvironment(
  given: { env: readonly string[]; secrets: readonly string[] },
  here: Environment,
): ScriptEnvironment {
  const plain = given.env.map((text) => parseVariable('env', text, here));
  const secret = given.secrets.map((text) => parseVariable('secret', text, here));
  const guessed = plain.filter(
    ([name, value]) => SECRET_NAME.test(name) && value.length >= MIN_MASKED_LENGTH,
  );
  return {
    env: Object.fromEntries([...plain, ...secret]),
    masked: [...new Set([...secret, ...guessed].map(([name]) => name))],
  };
}

function parseVariable(flag: string, text: string, here: Environment): [string, string] {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw usageProblem(`--${flag} ${quoted(name)}: not the name of a variable`);
  }
  const value = equals < 0 ? here[name] : text.slice(equals + 1);
  if (value === undefined)
    throw usageProblem(`--${flag} ${name}: it is not set here; write --${flag} ${name}=VALUE`);
  // The value itself is never shown: it may be the secret.
  if (value.includes('\0')) throw usageProblem(`--${flag} ${name}: the value holds a NUL byte`);
  if (value.length > 128 * 1024)
    throw usageProblem(`--${flag} ${name}: the value is longer than 128 KB`);
  return [name, value];
}
