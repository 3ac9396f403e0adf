import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';

import { ConfigError, parseConfig } from '@nexus/kit/config';

import { configSchema } from './config.ts';

const good = {
  DATABASE_URL: 'postgresql+asyncpg://u:p@localhost/nexus',
  ENCRYPTION_KEY: 'forty characters that are hard to guess!!',
  BLOB_FOLDER: '/var/lib/nexus',
};

test('what is not said has a default that is right for most', () => {
  const config = parseConfig(configSchema, good);
  expect(config).toMatchObject({
    ...{
      DATABASE_URL: 'postgresql://u:p@localhost/nexus',
      PORT: 8000,
      LEASE_SECONDS: 30,
      MAX_TIMES_LOST: 2,
    },
    ...{ RETENTION_DAYS: 30, BLOB_GRACE_HOURS: 24, LOG_LEVEL: 'info' },
  });
  expect(inspect(config)).not.toContain('hard to guess');
});

test.each([
  ['DATABASE_URL', 'mysql://x'],
  ['ENCRYPTION_KEY', 'short'],
  ['INTERNAL_SECRET_KEY', 'short'],
  ['BLOB_FOLDER', 'relative/path'],
  ['PORT', '70000'],
  ['LEASE_SECONDS', '0'],
  ['MAX_TIMES_LOST', '-1'],
  ['RETENTION_DAYS', '0'],
  ['BLOB_GRACE_HOURS', '0'],
])('%s=%s stops the start with a sentence that names it', (name, value) => {
  expect(() => parseConfig(configSchema, { ...good, [name]: value })).toThrow(
    new RegExp(`1 problem\\(s\\):\\n  ${name}: `),
  );
});

test('all problems are told at once', () => {
  const parse = () => parseConfig(configSchema, { PORT: 'x', LEASE_SECONDS: 'y' });
  expect(parse).toThrow(ConfigError);
  expect(parse).toThrow(/5 problem/);
});

test('the process says what is wrong, without a stack, and ends with 1', () => {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const env = { PATH: '', ENCRYPTION_KEY: 'short-but-secret', BLOB_FOLDER: '/tmp' };
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main],
    { env, encoding: 'utf8' },
  );
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(
    /^orchestrator: the configuration has 2 problem\(s\):\n  DATABASE_URL: .*\n  ENCRYPTION_KEY: .*\n$/,
  );
  expect(stderr).not.toContain('short-but-secret');
});
