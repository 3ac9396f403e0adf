import { migrate, openDatabase, type Database } from '@nexus/db';
import { createEmptyDatabase } from '@nexus/testkit';

/** A database whose `now()` is whatever was set last. */
export interface VirtualDatabase {
  url: string;
  /** For the harness itself. */
  database: Database;
  setNow(nowMs: number): Promise<unknown>;
  /** Removes everything but accounts and keys. */
  reset(): Promise<void>;
  drop(): Promise<void>;
}

const KEPT = ['accounts', 'api_keys', 'scaling', 'schema_migrations'];

export async function createVirtualDatabase(): Promise<VirtualDatabase> {
  const own = await createEmptyDatabase();
  await prepareClock(own.url);
  // After the clock is there: the defaults of columns are bound to the now() they find.
  await migrate(own.url);
  const database = openDatabase({ url: own.url, maxConnections: 3 });
  const tables = await database.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname in ('public', 'virtual_time') and tablename <> all($1)`,
    [KEPT],
  );
  const emptied = tables.map(({ name }) => name).join(', ');
  return {
    url: own.url,
    database,
    setNow: (nowMs) =>
      database.query("select setval('virtual_time.clock', $1)", [Math.round(nowMs)]),
    reset: async () => {
      await database.query(`truncate ${emptied}`);
      await database.query('delete from scaling');
      await database.query('insert into scaling default values');
    },
    drop: async () => {
      await database.close();
      await own.drop();
    },
  };
}

/** The clock is a sequence: set without a lock, seen by all at once, and it leaves no dead rows behind. */
async function prepareClock(url: string): Promise<void> {
  const admin = openDatabase({ url, maxConnections: 1 });
  const name = new URL(url).pathname.slice(1);
  await admin.query(`
    create schema virtual_time;
    create sequence virtual_time.clock;
    create function virtual_time.now() returns timestamptz language sql stable as
      'select to_timestamp(last_value / 1000.0) from virtual_time.clock';
    alter database ${name} set search_path = virtual_time, pg_catalog, public;
  `);
  await admin.close();
}
