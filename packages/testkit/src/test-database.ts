import { inject } from 'vitest';

import { openDatabase, type Database } from '@nexus/db';
import { randomId } from '@nexus/kit/ids';

export const TEMPLATE_DATABASE = 'nexus_template';

export interface TestDatabase {
  url: string;
  database: Database;
  drop(): Promise<void>;
}

/** A migrated database of the caller's own. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomId()}`;
  await onServer((admin) => admin.query(`create database ${name} template ${TEMPLATE_DATABASE}`));
  const url = databaseUrl(name);
  const database = openDatabase({ url, maxConnections: 5 });
  return {
    url,
    database,
    drop: async () => {
      await database.close();
      await onServer((admin) => admin.query(`drop database ${name} with (force)`));
    },
  };
}

/** A database without any table. */
export async function createEmptyDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `empty_${randomId()}`;
  await onServer((admin) => admin.query(`create database ${name}`));
  return {
    url: databaseUrl(name),
    drop: () => onServer((admin) => admin.query(`drop database ${name} with (force)`)),
  };
}

function databaseUrl(name: string): string {
  return inject('clusterUrl').replace('DATABASE', name);
}

async function onServer(work: (admin: Database) => Promise<unknown>): Promise<void> {
  const admin = openDatabase({ url: databaseUrl('postgres'), maxConnections: 1 });
  try {
    // Two clones of one template at the same moment get in each other's way: the lock makes them queue.
    await admin.query('select pg_advisory_lock(42)');
    await work(admin);
  } finally {
    await admin.close();
  }
}
