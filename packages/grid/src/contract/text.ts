import { z } from 'zod';

import { MAX_ARGUMENT_BYTES, MAX_ARGUMENTS_BYTES, MAX_ENVIRONMENT_BYTES } from './constants.ts';

/** What PostgreSQL stores and UTF-8 carries. */
export const textSchema = z
  .string()
  .refine((text) => !text.includes('\0'), 'may hold no NUL')
  .refine((text) => text.isWellFormed(), 'holds half of a surrogate pair, which is no text');

const encoder = new TextEncoder();

/** Each text counts with the NUL that ends it for a program. */
function isWithin(texts: readonly string[], maxBytes: number): boolean {
  const units = texts.reduce((sum, text) => sum + text.length + 1, 0);
  // UTF-8 has at most three bytes for a unit of UTF-16: most texts need not be encoded to be known short.
  if (units * 3 <= maxBytes) return true;
  return texts.reduce((sum, text) => sum + encoder.encode(text).length + 1, 0) <= maxBytes;
}

const argumentSchema = textSchema.refine(
  (text) => isWithin([text], MAX_ARGUMENT_BYTES),
  'is longer than 128 KiB, the most that Linux hands to a program as one argument',
);

export const argumentsSchema = z
  .array(argumentSchema)
  .max(10_000)
  .refine((args) => isWithin(args, MAX_ARGUMENTS_BYTES), 'are longer than 1 MiB together');

export const environmentSchema = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a variable name'), textSchema)
  .superRefine((env, context) => {
    for (const [name, value] of Object.entries(env)) {
      if (isWithin([`${name}=${value}`], MAX_ARGUMENT_BYTES)) continue;
      const message =
        'is longer than 128 KiB, the most that Linux hands to a program as one variable';
      context.addIssue({ code: 'custom', path: [name], message });
    }
  })
  .refine(
    (env) => isWithin(Object.entries(env).flat(), MAX_ENVIRONMENT_BYTES),
    'is longer than 512 KiB in all',
  );
