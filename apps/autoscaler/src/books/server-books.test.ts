import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { CreateAction } from '@nexus/grid';
import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

import { ServerBooks, type Caps, type Intent } from './server-books.ts';

let own: TestDatabase;
let books: ServerBooks;

beforeAll(async () => {
  own = await createTestDatabase();
  books = new ServerBooks(own.database);
});

beforeEach(async () => {
  await own.database.query('delete from workers');
  await own.database.query('delete from servers');
});
afterAll(() => own.drop());

const HOUR_MS = 3_600_000;
const NO_CAPS: Caps = {
  maxWorkers: 10,
  budgetMicrosPerMonth: null,
  reservedMicros: 0,
  now: new Date(),
};
const ORDER: CreateAction = {
  ...{ kind: 'create', code: 'queue_depth', reason: 'for a test' },
  ...{ serverType: 'cx23', location: 'fsn1', count: 1, slots: 2 },
  ...{ priceMicrosPerHour: 8800, ipv4MicrosPerHour: 800, reserveMicros: 9600 },
};

function intent(id: string): Intent {
  return {
    ...{ id, name: `rgrid-grid-${id}`, architecture: 'x86', cpus: 2, memoryBytes: 4e9 },
    joinSecretHash: Buffer.alloc(32),
    joinUntil: new Date(Date.now() + HOUR_MS),
    queuedSince: null,
  };
}

async function stateOf(id: string): Promise<string | undefined> {
  const [row] = await own.database.query<{ state: string }>(
    'select state from servers where id = $1',
    [id],
  );
  return row?.state;
}

describe('an intent', () => {
  test('is refused past the number of servers', async () => {
    const caps = { ...NO_CAPS, maxWorkers: 2 };
    expect(await books.intend(intent('a'), ORDER, caps)).toBe('intended');
    expect(await books.intend(intent('b'), ORDER, caps)).toBe('intended');
    expect(await books.intend(intent('c'), ORDER, caps)).toBe('max_workers');
    await books.refuse('a', 'sold out');
    expect(await books.intend(intent('c'), ORDER, caps)).toBe('intended');
  });

  test('is refused by the first micro-euro past the budget, what may still be owed included', async () => {
    const budgetMicrosPerMonth = 2 * 9600 + 5000;
    const caps = { ...NO_CAPS, budgetMicrosPerMonth, reservedMicros: 5000 };
    expect(await books.intend(intent('a'), ORDER, caps)).toBe('intended');
    expect(await books.intend(intent('b'), ORDER, { ...caps, reservedMicros: 5001 })).toBe(
      'budget',
    );
    expect(await books.intend(intent('b'), ORDER, caps)).toBe('intended');
    expect(await books.intend(intent('c'), ORDER, { ...caps, reservedMicros: 0 })).toBe('budget');
  });

  test('that the cloud refused owes nothing', async () => {
    await books.intend(intent('a'), ORDER, NO_CAPS);
    expect(await books.readCommitted(new Date())).toBe(9600);
    await books.refuse('a', 'sold out');
    expect(await books.readCommitted(new Date())).toBe(0);
    expect(await stateOf('a')).toBe('gone');
  });
});

describe('what is committed in a month', () => {
  test.each([
    // [created, gone or null, now, hours]
    ['one started hour', '2026-11-10T10:00:00Z', null, '2026-11-10T10:00:01Z', 1],
    ['to the last moment of it', '2026-11-10T10:00:00Z', null, '2026-11-10T11:00:00Z', 1],
    ['and a moment more', '2026-11-10T10:00:00Z', null, '2026-11-10T11:00:01Z', 2],
    [
      'no longer than it lived',
      '2026-11-10T10:00:00Z',
      '2026-11-10T12:30:00Z',
      '2026-11-20T00:00:00Z',
      3,
    ],
    [
      'only hours that began in it',
      '2026-10-31T22:30:00Z',
      '2026-11-01T02:00:00Z',
      '2026-11-20T00:00:00Z',
      2,
    ],
    [
      'nothing of a month before',
      '2026-10-10T10:00:00Z',
      '2026-10-31T23:59:00Z',
      '2026-11-20T00:00:00Z',
      0,
    ],
  ])('counts %s', async (_name, created, gone, now, hours) => {
    await books.intend(intent('a'), ORDER, NO_CAPS);
    await books.confirm('a', { id: 1, createdAt: new Date(created) });
    if (gone !== null) {
      await own.database.query("update servers set state = 'gone', gone_at = $1", [gone]);
    }
    expect(await books.readCommitted(new Date(now))).toBe(hours * 9600);
  });
});

test('hours are counted to when the cloud says it was deleted, not to when that was known', async () => {
  await books.intend(intent('a'), ORDER, NO_CAPS);
  await books.confirm('a', { id: 1, createdAt: new Date('2026-11-10T10:00:00Z') });
  await books.noteDeletion('a', 77);
  expect(await books.findDeletion('a')).toBe(77);
  await books.close('a', new Date('2026-11-10T10:59:58Z'));
  await own.database.query("update servers set gone_at = '2026-11-10T11:00:04Z'");
  expect(await books.readCommitted(new Date('2026-11-20T00:00:00Z'))).toBe(9600);
});

test('a server that went before the cloud could say when it was made is billed if its worker was heard of', async () => {
  for (const id of ['heard', 'unheard']) await books.intend(intent(id), ORDER, NO_CAPS);
  await addWorker('heard');
  await books.noteProgress([]);
  for (const id of ['heard', 'unheard']) await books.close(id, null);
  expect(await books.readCommitted(new Date())).toBe(9600);
});

describe('a server', () => {
  test('goes one way only', async () => {
    await books.intend(intent('a'), ORDER, NO_CAPS);
    await books.confirm('a', { id: 1, createdAt: new Date() });
    await books.close('a', null);
    await expect(
      own.database.query("update servers set state = 'active' where id = 'a'"),
    ).rejects.toThrow(/may not go from gone to active/);
    await books.confirm('a', { id: 1, createdAt: new Date() });
    expect(await stateOf('a')).toBe('gone');
  });

  test('is not condemned under a lease', async () => {
    await books.intend(intent('a'), ORDER, NO_CAPS);
    await books.confirm('a', { id: 1, createdAt: new Date() });
    await lease('a');
    expect(await books.condemn('a', 'its hour ends')).toBe(false);
    expect(await stateOf('a')).toBe('booting');
    await own.database.query("update executions set state = 'succeeded'");
    expect(await books.condemn('a', 'its hour ends')).toBe(true);
    expect(await stateOf('a')).toBe('deleting');
  });

  test('whose worker registered before the reply to the create call keeps its state', async () => {
    await books.intend(intent('a'), ORDER, NO_CAPS);
    await addWorker('a');
    await books.noteProgress([]);
    expect(await stateOf('a')).toBe('active');
    await books.confirm('a', { id: 7, createdAt: new Date() });
    expect(await stateOf('a')).toBe('active');
  });
});

async function addWorker(serverId: string): Promise<void> {
  await own.database.query(
    `insert into workers (id, name, secret_hash, state, slots, cpus, memory_bytes, drivers, runtimes, server_id)
     values ($1, 'w', '\\x00', 'active', 2, 2, 4e9, '{process}', '{}', $2)`,
    [`w-${serverId}`, serverId],
  );
}

async function lease(serverId: string): Promise<void> {
  await addWorker(serverId);
  await own.database.query("insert into accounts (id, name) values ('acc', 'acc')");
  await own.database.query(
    "insert into api_keys (id, account_id, name, secret_hash) values ('key', 'acc', 'k', '\\x00')",
  );
  await own.database.query(
    `insert into batches (id, account_id, key_id, spec, project_sha256, masked, metadata, retries, priority,
       parallel, cpus, memory_bytes, requires)
     values ('b', 'acc', 'key', '{}', '', '{}', '{}', 0, 0, 10, 1, 1, '{}')`,
  );
  await own.database.query(
    `insert into executions (id, batch_id, account_id, index, label, args, identity, state, worker_id, version)
     values ('b-0', 'b', 'acc', 0, 'x', '[]', 'i', 'leased', $1, 1)`,
    [`w-${serverId}`],
  );
}
