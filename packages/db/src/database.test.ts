import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

import { openDatabase, type Database, type Queryable } from './database.ts';
import { listen } from './listener.ts';
import { loadSql } from './sql.ts';

let own: TestDatabase;
let database: Database;

beforeAll(async () => {
  own = await createTestDatabase();
  database = own.database;
  await database.query('create table counters (name text primary key, value int not null)');
});

afterAll(() => own.drop());

beforeEach(async () => {
  await database.query(
    "insert into counters values ('a', 0), ('b', 0) on conflict (name) do update set value = 0",
  );
});

async function values(): Promise<number[]> {
  return (await database.query<{ value: number }>('select value from counters order by name')).map(
    (row) => row.value,
  );
}

test('counts and sums are numbers', async () => {
  expect(
    await database.query(
      'select count(*) as n, sum(value) as s, 9007199254740991::bigint as large, 0.5::numeric as half from counters',
    ),
  ).toEqual([{ n: 2, s: 0, large: Number.MAX_SAFE_INTEGER, half: 0.5 }]);
});

test('values are parameters, whatever is in them', async () => {
  const text = `'; drop table counters; -- \u{1F600} \\ $1`;
  expect(await database.query('select $1::text as text', [text])).toEqual([{ text }]);
});

describe('a transaction', () => {
  test('is all or nothing', async () => {
    await expect(
      database.transaction(async (tx) => {
        await tx.query("update counters set value = 1 where name = 'a'");
        throw new Error('changed its mind');
      }),
    ).rejects.toThrow('changed its mind');
    expect(await values()).toEqual([0, 0]);
    expect(
      await database.transaction(
        async (tx) => (await tx.query("update counters set value = 1 where name = 'a'"), 'done'),
      ),
    ).toBe('done');
    expect(await values()).toEqual([1, 0]);
  });

  test('gives its connection back, also when it fails', async () => {
    const small = openDatabase({ url: own.url, maxConnections: 1 });
    for (let n = 0; n < 5; n += 1)
      await expect(small.transaction((tx) => tx.query('select 1 / 0'))).rejects.toThrow(/division/);
    expect(await small.query('select 1 as one')).toEqual([{ one: 1 }]);
    await small.close();
  });

  test('that met another in a deadlock is run again, and both have happened once', async () => {
    let runs = 0;
    const meet = barrier(2);
    const add = (first: string, second: string) =>
      database.transaction(async (tx) => {
        runs += 1;
        await increment(tx, first);
        // Only the first time round: a transaction that is run again finds the other one gone.
        if (runs <= 2) await meet();
        await increment(tx, second);
      });
    await Promise.all([add('a', 'b'), add('b', 'a')]);
    expect(await values()).toEqual([2, 2]);
    expect(runs).toBe(3);
  });

  test('that always fails so gives up after five times', async () => {
    let runs = 0;
    const failing = database.transaction(async (tx) => {
      runs += 1;
      await tx.query(
        "do $$ begin raise exception 'not serializable' using errcode = '40001'; end $$",
      );
    });
    await expect(failing).rejects.toMatchObject({ code: '40001' });
    expect(runs).toBe(5);
  });

  test('whose connection was cut fails, and the next one works', async () => {
    const cut = database.transaction((tx) =>
      tx.query('select pg_terminate_backend(pg_backend_pid())'),
    );
    await expect(cut).rejects.toThrow();
    await database.transaction((tx) => increment(tx, 'a'));
    expect(await values()).toEqual([1, 0]);
  });
});

test('idle connections that the server closes are replaced', async () => {
  await Promise.all([1, 2, 3].map(() => database.query('select pg_sleep(0.01)')));
  await database.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  await expect.poll(() => database.query('select 1 as one').catch(() => [])).toEqual([{ one: 1 }]);
});

describe('a listener', () => {
  test('hears what is sent, and comes back after a cut', async () => {
    const heard: string[] = [];
    let readies = 0;
    const listener = listen(
      { url: own.url, channel: 'odd "channel"' },
      { onMessage: (payload) => heard.push(payload), onReady: () => (readies += 1) },
    );
    const say = (text: string) =>
      database.query('select pg_notify($1, $2)', ['odd "channel"', text]);
    await expect.poll(() => readies).toBe(1);
    await say('one');
    await expect.poll(() => heard).toEqual(['one']);
    await database.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'nexus-listen' and datname = current_database()",
    );
    await expect.poll(() => readies).toBe(2);
    await say('two');
    await expect.poll(() => heard).toEqual(['one', 'two']);
    await listener.close();
    expect(
      await database.query(
        "select 1 from pg_stat_activity where application_name = 'nexus-listen' and datname = current_database()",
      ),
    ).toEqual([]);
  });
});

test.each([0, 1, 5, 20])('a listener can be closed %i turns after it was made', async (turns) => {
  const listener = listen(
    { url: own.url, channel: 'c' },
    { onMessage: () => undefined, onReady: () => undefined },
  );
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  await listener.close();
  await listener.close();
});

test('a statement is found beside its module', () => {
  expect(loadSql(import.meta.url, '../migrations/0001_grid.sql')).toContain(
    'create table executions',
  );
});

async function increment(tx: Queryable, name: string): Promise<void> {
  await tx.query('update counters set value = value + 1 where name = $1', [name]);
}

/** Lets nobody through before so many have come. */
function barrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    arrived += 1;
    if (arrived === count) resolve();
    return promise;
  };
}
