import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { createLogger } from './logger.ts';

async function logged(
  level: string,
  write: (logger: ReturnType<typeof createLogger>) => void,
): Promise<Record<string, unknown>[]> {
  const folder = await mkdtemp(join(tmpdir(), 'kit-log-'));
  const logger = createLogger({ name: 'test', level, destination: join(folder, 'deep', 'log') });
  write(logger);
  logger.fatal('the end');
  const read = () => readFile(join(folder, 'deep', 'log'), 'utf8').catch(() => '');
  await expect.poll(read).toContain('the end');
  const lines = (await read()).split('\n').filter(Boolean);
  await rm(folder, { recursive: true });
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('what is called a secret is not written, at any of the depths we log', async () => {
  const names = ['token', 'secret', 'password', 'authorization', 'apiKey', 'env', 'key'];
  const lines = await logged('info', (logger) => {
    for (const name of names) {
      logger.info({ [name]: 'in clear' }, 'flat');
      logger.info({ request: { [name]: 'in clear' } }, 'deep');
      logger.info({ request: { headers: { [name]: { A: 'in clear' } } } }, 'deeper');
      logger.child({ [name]: 'in clear' }).info('bound');
    }
  });
  expect(lines).toHaveLength(names.length * 4);
  expect(JSON.stringify(lines)).not.toContain('in clear');
  expect(JSON.stringify(lines)).toContain('[secret]');
});

test('what is not, is', async () => {
  const [line] = await logged('info', (logger) =>
    logger.info({ executionId: 'abc-0', keyName: 'laptop' }, 'execution ended'),
  );
  expect(line).toMatchObject({
    name: 'test',
    executionId: 'abc-0',
    keyName: 'laptop',
    msg: 'execution ended',
  });
});

test.each([
  ['info', ['info', 'warn']],
  ['INFO', ['info', 'warn']],
  ['WARNING', ['warn']],
  ['warn', ['warn']],
  ['Debug', ['debug', 'info', 'warn']],
])('the level %s lets through %j', async (level, expected) => {
  const lines = await logged(level, (logger) => {
    logger.debug('debug');
    logger.info('info');
    logger.warn('warn');
  });
  expect(lines.map((line) => line['msg'])).toEqual(expected);
});
