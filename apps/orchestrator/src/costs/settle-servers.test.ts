import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { openDatabase, type Database } from '@nexus/db';
import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

import { createKey } from '../accounts/accounts.ts';
import { GridBooks, type AttemptGiven, type ServerGiven } from '../testing/grid-books.ts';
import { settleServers } from './settle-servers.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOON = Date.UTC(2026, 10, 10, 12);

let own: TestDatabase;
let second: Database;
let books: GridBooks;

beforeAll(async () => {
  own = await createTestDatabase();
  second = openDatabase({ url: own.url, maxConnections: 2 });
  const name = 'ana';
  await createKey(own.database, { account: name, name });
  const [account] = await own.database.query<{ id: string }>('select id from accounts');
  books = new GridBooks(own.database, { id: account?.id ?? '' });
});

beforeEach(() => books.clear());

afterAll(async () => {
  await second.close();
  await own.drop();
});

const SERVER: ServerGiven = {
  ...{ createdAtMs: NOON, endAtMs: NOON + HOUR_MS, registeredAtMs: NOON + 3 * MINUTE_MS },
  ...{ slots: 2, priceMicrosPerHour: 8800, ipv4MicrosPerHour: 800, attempts: [] },
};

function attempt(fromMinute: number, toMinute: number, more: Partial<AttemptGiven> = {}) {
  const times = {
    leasedAtMs: NOON + fromMinute * MINUTE_MS,
    endedAtMs: NOON + toMinute * MINUTE_MS,
  };
  return { ...times, outcome: 'succeeded', provisionalMicros: 7, ...more };
}

test('each attempt gets its exact share in place of what it was said to cost', async () => {
  const { serverId, executionIds } = await books.addServer({
    ...SERVER,
    attempts: [attempt(3, 33), attempt(3, 18, { outcome: 'lost' })],
  });
  expect(await settleServers(own.database)).toBe(1);
  expect(await books.billOf(serverId)).toEqual({
    ...{
      totalMicros: 9600,
      executionsMicros: 3300,
      bootMicros: 440,
      idleMicros: 5060,
      ipv4Micros: 800,
    },
  });
  expect(await books.costsOf(executionIds)).toEqual([2200, 1100]);
  expect(await settleServers(own.database)).toBe(0);
});

test('what was given back unstarted is not slot time', async () => {
  const released = attempt(3, 33, { outcome: 'released', provisionalMicros: 0 });
  const { serverId, executionIds } = await books.addServer({ ...SERVER, attempts: [released] });
  await settleServers(own.database);
  expect(await books.billOf(serverId)).toMatchObject({ executionsMicros: 0, idleMicros: 8360 });
  expect(await books.costsOf(executionIds)).toEqual([0]);
});

test('a server waits for its bill as long as a lease names it, and the late report counts', async () => {
  const { serverId, executionIds } = await books.addServer({
    ...SERVER,
    attempts: [attempt(3, 63, { outcome: null })],
  });
  expect(await settleServers(own.database)).toBe(0);
  await books.endAttempt(executionIds[0] ?? '', NOON + 63 * MINUTE_MS);
  expect(await settleServers(own.database)).toBe(1);
  // To the end of the server and no further: 57 minutes of one of two slots.
  expect(await books.billOf(serverId)).toMatchObject({ executionsMicros: 4180 });
  expect(await books.costsOf(executionIds)).toEqual([4180]);
});

test('an order that the cloud refused has no bill', async () => {
  const { serverId } = await books.addServer({
    ...SERVER,
    createdAtMs: null,
    registeredAtMs: null,
  });
  expect(await settleServers(own.database)).toBe(0);
  expect(await books.billOf(serverId)).toBeUndefined();
});

test('a server that worked is billed though the books never heard of its creation', async () => {
  const { serverId } = await books.addServer({ ...SERVER, createdAtMs: null });
  expect(await settleServers(own.database)).toBe(1);
  expect(await books.billOf(serverId)).toMatchObject({ totalMicros: 9600 });
});

/** Whatever it is asked after so many statements fails, as if the process had been killed there. */
function killedAfter(statements: number, database: Database): Database {
  let left = statements;
  return {
    ...database,
    transaction: (work) =>
      database.transaction((tx) =>
        work({
          query: (sql, values) => {
            left -= 1;
            return left < 0 ? Promise.reject(new Error('killed')) : tx.query(sql, values);
          },
        }),
      ),
  };
}

// Row 46.
test('every server closes to the micro-euro, whatever ran on it, whoever settles it and is killed at it', async () => {
  const times = fc.integer({ min: -30, max: 400 }).map((minutes) => NOON + minutes * 61_357);
  const outcome = fc.constantFrom(
    'succeeded',
    'failed',
    'timed_out',
    'lost',
    'released',
    'cancelled',
  );
  const anyAttempt = fc.record({
    leasedAtMs: times,
    durationMs: fc.nat(3 * HOUR_MS),
    outcome,
    provisionalMicros: fc.nat(5000),
    again: fc.boolean(),
  });
  const anyServer = fc.record({
    createdAtMs: times,
    lifeMs: fc.nat(6 * HOUR_MS),
    registeredAfterMs: fc.option(fc.nat(HOUR_MS)),
    slots: fc.integer({ min: 1, max: 8 }),
    priceMicrosPerHour: fc.nat(100_000),
    ipv4MicrosPerHour: fc.constantFrom(0, 800),
    attempts: fc.array(anyAttempt, { maxLength: 12 }),
  });
  const property = fc.asyncProperty(
    fc.array(anyServer, { minLength: 1, maxLength: 4 }),
    fc.array(fc.nat(12), { maxLength: 3 }),
    async (servers, kills) => {
      await books.clear();
      for (const { lifeMs, registeredAfterMs, attempts, ...server } of servers) {
        await books.addServer({
          ...server,
          endAtMs: server.createdAtMs + lifeMs,
          registeredAtMs:
            registeredAfterMs === null ? null : server.createdAtMs + registeredAfterMs,
          attempts: attempts.map(({ durationMs, leasedAtMs, ...rest }) => ({
            ...{ ...rest, leasedAtMs, endedAtMs: leasedAtMs + durationMs },
          })),
        });
      }
      for (const statements of kills)
        await settleServers(killedAfter(statements, own.database)).catch(() => undefined);
      await Promise.all([settleServers(own.database), settleServers(second)]);
      await settleServers(own.database);
      expect(await books.findFaults()).toEqual([]);
      expect(await books.countBills()).toBe(servers.length);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});
