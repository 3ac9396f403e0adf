import { z } from 'zod';

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `the configuration has ${problems.length} problem(s):\n${problems.map((p) => `  ${p}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** Parses an environment once, at boot. Throws ConfigError with every problem at once; values are never quoted. */
export function parseConfig<T extends z.ZodType>(
  schema: T,
  environment: NodeJS.ProcessEnv,
): z.output<T> {
  // An empty variable is an unset one: EnvironmentFile= and panels write `NAME=` for "none".
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'environment'}: ${issue.message}`,
    ),
  );
}

/** A secret that prints as `[secret]` wherever it is printed, logged or serialized. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

const PLACEHOLDERS =
  /^(change.?me|secret|password|placeholder|your[_-].*|x{3,}|test|example|default)$/i;

/** A secret from the environment: refused when short or a placeholder, wrapped from the first moment. */
export function secretSchema(minLength = 32) {
  return z
    .string()
    .min(minLength, `must have at least ${minLength} characters`)
    .refine((value) => !PLACEHOLDERS.test(value), 'is a placeholder')
    .transform((value) => new Secret(value));
}

/** `postgresql+asyncpg://…` is what older environment files carry; the driver part means nothing here. */
export const databaseUrlSchema = z
  .string()
  .transform((url) => url.replace(/^postgres(ql)?\+\w+:/, 'postgresql:'))
  .refine((url) => /^postgres(ql)?:\/\//.test(url), 'must be a postgresql:// URL');
