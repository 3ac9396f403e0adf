import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

import { fleetText } from './fleet-text.ts';
import { readFleet, type Fleet } from './read-fleet.ts';

const NEXUS = join(import.meta.dirname, '..', 'main.ts');
const NOW = new Date('2026-11-20T10:30:00Z');

let own: TestDatabase;

beforeAll(async () => {
  own = await createTestDatabase();
});

beforeEach(async () => {
  await own.database.query('delete from workers');
  await own.database.query('delete from servers');
  await own.database.query('update scaling set planned_at = null, budget = null');
});

afterAll(() => own.drop());

/** Ordered for somebody who waited since 10:00, and made two seconds after. */
async function addServer(id: string, columns: Readonly<Record<string, unknown>> = {}) {
  const all: Record<string, unknown> = {
    ...{ id, name: `rgrid-grid-${id}`, state: 'active', server_type: 'cx23', location: 'fsn1' },
    ...{ architecture: 'x86', cpus: 2, memory_bytes: 4e9, slots: 2 },
    ...{ price_micros_per_hour: 8800, ipv4_micros_per_hour: 800 },
    ...{ join_secret_hash: Buffer.alloc(32), join_until: NOW, reason: '6 wait' },
    ...{ queued_since: '2026-11-20T10:00:00Z', intended_at: '2026-11-20T10:00:01.5Z' },
    ...{ cloud_id: 77, created_at: '2026-11-20T10:00:02Z', running_at: '2026-11-20T10:00:12Z' },
    ...columns,
  };
  const names = Object.keys(all);
  const places = names.map((_, index) => `$${index + 1}`);
  await own.database.query(
    `insert into servers (${names.join(', ')}) values (${places.join(', ')})`,
    Object.values(all),
  );
}

async function addWorker(serverId: string): Promise<void> {
  await own.database.query(
    `insert into workers (id, name, secret_hash, state, slots, cpus, memory_bytes, drivers, runtimes, server_id,
       registered_at)
     values ('w', 'w', '\\x00', 'active', 4, 2, 4e9, '{process}', '{}', $1, '2026-11-20T10:00:40Z')`,
    [serverId],
  );
}

const read = (isAll = false): Promise<Fleet> => readFleet(own.database, { isAll, now: NOW });

describe('a server', () => {
  test('is told with its age, its paid hour, its cost and how it came up', async () => {
    await addServer('a');
    await addWorker('a');
    expect((await read()).servers).toMatchObject([
      {
        ...{ name: 'rgrid-grid-a', cloudId: 77, state: 'active', reason: '6 wait' },
        ...{ ageSeconds: 1798, slots: 4, busy: 0, startedHours: 1, costMicros: 9600 },
        paidUntil: new Date('2026-11-20T11:00:02Z'),
        bootSeconds: null,
      },
    ]);
    const steps = (await read()).servers[0]?.timeline;
    expect(steps?.map(({ step, seconds }) => [step, seconds])).toEqual([
      ['queued', null],
      ['intended', 1.5],
      ['created', 0.5],
      ['running', 10],
      ['registered', 28],
      ['first_execution', null],
    ]);
  });

  test('that is only intended has cost nothing and is paid for nothing', async () => {
    await addServer('a', { state: 'intended', cloud_id: null, created_at: null, running_at: null });
    expect((await read()).servers).toMatchObject([
      { cloudId: null, paidUntil: null, startedHours: 0, costMicros: 0 },
    ]);
  });

  test('that is gone is told only if asked for, with what it cost to its end', async () => {
    const end = { gone_at: '2026-11-20T12:10:00Z', deleted_at: '2026-11-20T11:59:50Z' };
    await addServer('a', { state: 'gone', ...end });
    expect((await read()).servers).toEqual([]);
    expect((await read(true)).servers).toMatchObject([
      { paidUntil: null, ageSeconds: 7188, startedHours: 2, costMicros: 19_200 },
    ]);
  });
});

describe('for people', () => {
  const setPlan = (plannedAt: Date, budget: unknown) =>
    own.database.query(
      'update scaling set planned_at = $1, budget = $2, outlooks = $3, notices = $4',
      [
        plannedAt,
        ...[
          budget,
          [{ key: 'k3m9x7q2abcd', code: 'servers_booting', message: '3 servers booting' }],
          [{ code: 'sold_out', message: 'cx23 is sold out in nbg1' }],
        ].map((part) => JSON.stringify(part)),
      ],
    );

  test('there are two lines a server, and what the last plan said', async () => {
    await addServer('a');
    await addWorker('a');
    const budget = { limitMicros: 10e6, committedMicros: 8.5e6, reservedMicros: 100_000 };
    await setPlan(new Date(NOW.getTime() - 4000), budget);
    const text = fleetText(await read(), NOW);
    expect(text).toMatch(
      /rgrid-grid-a +cx23 +fsn1 +active +29 m 58 s +11:00 UTC +0\/4 +€0\.009600 +6 wait/,
    );
    expect(text).toMatch(/rgrid-grid-a +1\.5 +0\.5 +10\.0 +28\.0 +- +-/);
    expect(text).toContain('Last plan 4.0 s ago\n');
    expect(text).toContain('k3m9x7q2abcd: 3 servers booting');
    expect(text).toContain('notice: cx23 is sold out in nbg1');
    expect(text).toContain('this month: €8.50 committed, €0.10 reserved, of €10.00 (warning)');
  });

  test('a daemon that has not planned for long is missed', async () => {
    await setPlan(new Date(NOW.getTime() - 120_000), {
      ...{ limitMicros: null, committedMicros: 0, reservedMicros: 0 },
    });
    const text = fleetText(await read(), NOW);
    expect(text).toContain('no server\n');
    expect(text).toContain('Last plan 2 m 00 s ago: no daemon seems to run');
    expect(text).toContain('reserved, no limit\n');
  });

  test('a grid without a daemon says so', async () => {
    expect(fleetText(await read(), NOW)).toContain('No daemon has planned here yet.');
  });
});

describe('nexus servers', () => {
  const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    promisify(execFile)(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', NEXUS, 'servers', ...args],
      { env: { PATH: process.env['PATH'], HOME: '/nowhere', ...env } },
    );

  test('prints JSON, and takes the database from an environment file that nobody else can read', async () => {
    await addServer('a');
    const folder = await mkdtemp(join(tmpdir(), 'nexus-servers-'));
    const file = join(folder, '.env');
    await writeFile(file, `DATABASE_URL=${own.url}\n`, { mode: 0o600 });
    const { stdout } = await run(['--json', '--env-file', file]);
    expect(JSON.parse(stdout)).toMatchObject({ servers: [{ id: 'a' }], plan: null });
    await chmod(file, 0o644);
    await expect(run(['--env-file', file])).rejects.toMatchObject({
      stderr: expect.stringContaining('others can read it') as string,
    });
    await rm(folder, { recursive: true });
  });
});
