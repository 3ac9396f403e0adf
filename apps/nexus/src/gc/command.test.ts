import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import {
  createHetznerSimulator,
  createRealClock,
  type Clock,
  type HetznerSimulator,
} from '@nexus/simulators/hetzner';
import { createApi, SERVER } from '@nexus/simulators/testing';
import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

const NEXUS = join(import.meta.dirname, '..', 'main.ts');
const HOUR_MS = 3_600_000;

let own: TestDatabase;
let cloud: HetznerSimulator;
let folder: string;

beforeAll(async () => {
  own = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'nexus-gc-'));
});

/** One server that no books know, an hour old. */
beforeEach(async () => {
  await cloud?.close();
  const real = createRealClock();
  let behindMs = HOUR_MS;
  const clock: Clock = {
    now: () => real.now() - behindMs,
    wakeAt: (at, wake) => real.wakeAt(at + behindMs, wake),
  };
  cloud = createHetznerSimulator({ clock, timings: { createMs: 0, startMs: 0, deleteMs: 0 } });
  await cloud.listen();
  const labels = { 'managed-by': 'rgrid', 'rgrid-grid': 'grid' };
  await createApi(cloud)('POST', '/servers', { ...SERVER, name: 'forgotten', labels });
  behindMs = 0;
});

afterAll(async () => {
  await cloud.close();
  await own.drop();
  await rm(folder, { recursive: true, force: true });
});

async function gc(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', NEXUS, 'gc', ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...{ PATH: process.env['PATH'], NEXUS_HOME: join(folder, 'home'), DATABASE_URL: own.url },
        ...{ HETZNER_API_TOKEN: cloud.token, HETZNER_ENDPOINT: cloud.url },
        ...env,
      },
    },
  );
  const exited = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await exited;
  return { stdout, stderr, exitCode: child.exitCode };
}

const livingCount = () => cloud.account.servers().length;

describe('nexus gc', { timeout: 30_000 }, () => {
  test('--dry-run tells what is at stake, and deletes nothing', async () => {
    const { stdout, stderr, exitCode } = await gc(['--dry-run']);
    expect(stdout).toMatch(/server +\d+ +forgotten +€5\.99 +the books do not know it\n/);
    expect(stdout).toContain('1 thing without use, €5.99 a month\n');
    expect([stderr, exitCode, livingCount()]).toEqual(['', 2, 1]);
  });

  test('--yes deletes, and finds nothing the next time', async () => {
    const { stdout, exitCode } = await gc(['--yes']);
    expect(stdout).toContain('deleted server forgotten\n');
    expect([exitCode, livingCount()]).toEqual([0, 0]);
    const again = await gc(['--yes', '--json']);
    expect(JSON.parse(again.stdout)).toEqual({ areBooksRead: true, microsPerMonth: 0, waste: [] });
    expect(again.exitCode).toBe(0);
  });

  test('deletes nothing when there is nobody to ask', async () => {
    const { stderr, exitCode } = await gc([]);
    expect(stderr).toContain('nothing is deleted without --yes');
    expect([exitCode, livingCount()]).toEqual([2, 1]);
  });

  test('says less when the database is away, and says so', async () => {
    const url = 'postgresql://127.0.0.1:1/nowhere';
    const { stdout, stderr, exitCode } = await gc(['--yes', '--json'], { DATABASE_URL: url });
    expect(stderr).toContain('nexus: the books cannot be read');
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ areBooksRead: false, microsPerMonth: 0 },
      waste: [{ name: 'forgotten', code: 'books_unread', outcome: 'left', isDeletable: false }],
    });
    expect([exitCode, livingCount()]).toEqual([0, 1]);
  });

  test('takes its environment from a file that nobody else can read', async () => {
    const file = join(folder, '.env.staging');
    const lines = [`HETZNER_API_TOKEN=${cloud.token}`, `HETZNER_ENDPOINT=${cloud.url}`];
    await writeFile(file, [...lines, `DATABASE_URL=${own.url}`, 'GRID_NAME=grid', ''].join('\n'));
    await chmod(file, 0o600);
    const bare = {
      HETZNER_API_TOKEN: undefined,
      HETZNER_ENDPOINT: undefined,
      DATABASE_URL: undefined,
    };
    const answer = await gc(['--dry-run', '--env-file', file], bare);
    expect(answer).toMatchObject({ exitCode: 2, stderr: '' });
    await chmod(file, 0o640);
    const refused = await gc(['--dry-run', '--env-file', file], bare);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain('others can read it');
  });

  test.each([
    ['a wrong token', 'a'.repeat(64), 'unauthorized: the Hetzner API refuses HETZNER_API_TOKEN'],
    ['no token', '', 'HETZNER_API_TOKEN is needed'],
  ])('ends in one line with %s', async (_name, token, words) => {
    const { stdout, stderr, exitCode } = await gc(['--yes'], { HETZNER_API_TOKEN: token });
    expect(stderr).toContain(words);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect([stdout, exitCode]).toEqual(['', 1]);
  });
});
