import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { ConfigError, databaseUrlSchema, parseConfig, Secret, secretSchema } from './config.ts';
import { createLogger } from './logger.ts';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VALUE = 'a value nobody should ever read in a log';

describe('a secret', () => {
  const secret = new Secret(VALUE);

  test.each([
    ['a template', `the secret is ${String(secret)}`],
    ['a sum of strings', ['', secret].join('')],
    ['JSON', JSON.stringify({ secret, deep: [{ secret }] })],
    ['inspect', inspect({ secret, deep: { deeper: [secret] } }, { depth: 9, showHidden: true })],
    ['an error', inspect(new Error('failed', { cause: { secret } }))],
    ['its keys', Object.keys(secret).join() + Object.values(secret).join()],
    ['a copy', JSON.stringify(Object.assign({}, secret))],
  ])('does not show in %s', (_name, text) => {
    expect(text).not.toContain(VALUE);
  });

  test('prints as [secret], and tells its value to who asks for it', () => {
    expect([String(secret), JSON.stringify(secret), inspect(secret)]).toEqual([
      '[secret]',
      '"[secret]"',
      '[secret]',
    ]);
    expect(secret.reveal()).toBe(VALUE);
  });

  test('does not show in a line of the log', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kit-'));
    const logger = createLogger({ name: 'test', level: 'info', destination: join(folder, 'log') });
    logger.info({ config: { ENCRYPTION_KEY: secret }, secret }, 'started');
    const read = () => readFile(join(folder, 'log'), 'utf8').catch(() => '');
    await expect.poll(read).toContain('started');
    expect(await read()).toContain('[secret]');
    expect(await read()).not.toContain(VALUE);
    await rm(folder, { recursive: true });
  });
});

describe('a configuration', () => {
  const schema = z.object({
    NAME: z.string(),
    PORT: z.coerce.number().int().max(65_535),
    KEY: secretSchema(32),
    FLAG: z.stringbool().default(false),
    MODE: z.enum(['fast', 'safe']).default('safe'),
    DATABASE_URL: databaseUrlSchema.optional(),
  });

  test('is parsed into values of its types', () => {
    const parsed = parseConfig(schema, {
      NAME: 'x',
      PORT: '80',
      KEY: 'k'.repeat(32),
      FLAG: 'true',
      OTHER: 'ignored',
    });
    expect(parsed).toMatchObject({ NAME: 'x', PORT: 80, FLAG: true, MODE: 'safe' });
    expect(parsed).not.toHaveProperty('OTHER');
  });

  test('takes an empty variable for one that is not set', () => {
    expect(
      parseConfig(schema, { NAME: 'x', PORT: '80', KEY: 'k'.repeat(32), FLAG: '', MODE: '' }),
    ).toMatchObject({ FLAG: false, MODE: 'safe' });
    expect(() => parseConfig(schema, { NAME: '', PORT: '80', KEY: 'k'.repeat(32) })).toThrow(
      /NAME: /,
    );
  });

  test('is refused with every problem at once, and no value', () => {
    const given = {
      PORT: '99999-port',
      KEY: 'short-key-value',
      FLAG: 'perhaps-flag',
      MODE: 'slow-mode',
      DATABASE_URL: 'mysql://user:hunter2@host',
    };
    let error: unknown;
    try {
      parseConfig(schema, given);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ConfigError);
    if (!(error instanceof ConfigError)) return;
    expect(error.problems.map((problem) => problem.split(':')[0])).toEqual([
      'NAME',
      'PORT',
      'KEY',
      'FLAG',
      'MODE',
      'DATABASE_URL',
    ]);
    expect(error.message).toMatch(/6 problem/);
    for (const value of Object.values(given)) expect(inspect(error)).not.toContain(value);
    expect(inspect(error)).not.toContain('hunter2');
  });

  test.each([
    'changeme',
    'x'.repeat(40),
    'your_secret_key_of_more_than_32_characters',
    'your-secret-key-of-more-than-32-characters',
  ])('refuses the placeholder %s', (value) => {
    expect(secretSchema(1).safeParse(value).success).toBe(false);
  });

  test.each([
    ['postgresql://u:p@h/d', 'postgresql://u:p@h/d'],
    ['postgres://u:p@h/d', 'postgres://u:p@h/d'],
    ['postgresql+asyncpg://u:p@h/d', 'postgresql://u:p@h/d'],
    ['postgres+psycopg2://u:p@h/d', 'postgresql://u:p@h/d'],
  ])('takes %s for a database', (given, url) => {
    expect(databaseUrlSchema.parse(given)).toBe(url);
  });

  test.each(['', 'localhost', 'mysql://h/d', 'https://h', 'postgresql+a b://x'])(
    'does not take %j for a database',
    (given) => {
      expect(databaseUrlSchema.safeParse(given).success).toBe(false);
    },
  );
});
