import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { createEmptyDatabase, createTestDatabase } from '@nexus/testkit';

import { openDatabase, type Database } from './database.ts';
import { migrate, SchemaTooNewError } from './migrate.ts';

let own: { url: string; drop(): Promise<void> };
let database: Database;

beforeEach(async () => {
  own = await createEmptyDatabase();
  database = openDatabase({ url: own.url, maxConnections: 2 });
});

afterEach(async () => {
  await database.close();
  await own.drop();
});

const NAMES = (await readdir(new URL('../migrations', import.meta.url)))
  .map((file) => file.replace('.sql', ''))
  .toSorted();

async function tables(from = database): Promise<string[]> {
  const rows = await from.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' order by 1",
  );
  return rows.map((row) => row.name);
}

// Row 29.
test('an empty database gets every table, and the second time there is nothing to do', async () => {
  expect(await migrate(own.url)).toEqual({ applied: NAMES });
  const made = await tables();
  expect(made).toEqual(
    expect.arrayContaining(['accounts', 'batches', 'executions', 'schema_migrations']),
  );
  expect(await migrate(own.url)).toEqual({ applied: [] });
  expect(await tables()).toEqual(made);
});

test('several processes that start at once migrate once', async () => {
  const results = await Promise.all(Array.from({ length: 6 }, () => migrate(own.url)));
  expect(results.flatMap((result) => result.applied)).toEqual(NAMES);
  expect(await database.query('select name from schema_migrations order by id')).toEqual(
    NAMES.map((name) => ({ name })),
  );
});

test('a database of a newer version is refused with a sentence, and left as it is', async () => {
  await migrate(own.url);
  await database.query(
    "insert into schema_migrations (name, run_on) values ('9999_from_the_future', now())",
  );
  await expect(migrate(own.url)).rejects.toThrow(SchemaTooNewError);
  await expect(migrate(own.url)).rejects.toThrow(
    /newer version.*9999_from_the_future.*start that version/,
  );
  expect(await database.query('select count(*) from schema_migrations')).toEqual([
    { count: NAMES.length + 1 },
  ]);
});

test('a migration that fails leaves nothing, and the next start tries again', async () => {
  // In the way of the first migration.
  await database.query('create table executions (id text)');
  await expect(migrate(own.url)).rejects.toThrow(/executions/);
  expect(await tables()).toEqual(expect.not.arrayContaining(['accounts']));
  await database.query('drop table executions');
  expect(await migrate(own.url)).toEqual({ applied: NAMES });
});

test('the lock is given back: neither success nor failure keeps others waiting', async () => {
  await migrate(own.url);
  expect(
    await database.query(
      "select 1 from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
    ),
  ).toEqual([]);
});

test('a database that is not there fails with what the server said', async () => {
  await expect(migrate(own.url.replace(/empty_\w+/, 'not_there'))).rejects.toThrow(
    /does not exist/,
  );
});

test('test databases are migrated copies of their own', async () => {
  const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  try {
    await one.database.query("insert into accounts (id, name) values ('a', 'a')");
    expect(await two.database.query('select * from accounts')).toEqual([]);
    expect(await tables(one.database)).toEqual(await tables(two.database));
  } finally {
    await Promise.all([one.drop(), two.drop()]);
  }
});
