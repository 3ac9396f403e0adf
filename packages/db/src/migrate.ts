import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';

import { runner } from 'node-pg-migrate';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../migrations', import.meta.url));
const MIGRATIONS_TABLE = 'schema_migrations';

export class SchemaTooNewError extends Error {
  override readonly name = 'SchemaTooNewError';
}

/**
 * Brings the schema up to date; forward only. Several processes may call it at once: they queue up
 * behind a lock. Throws SchemaTooNewError if a newer version has migrated this database already.
 */
export async function migrate(url: string): Promise<{ applied: string[] }> {
  const client = new Client({ connectionString: url, application_name: 'nexus-migrate' });
  // What cuts the connection is told by the statement it cuts.
  client.on('error', () => undefined);
  await client.connect();
  try {
    // Serializes whole runs: node-pg-migrate's own lock fails at once instead of waiting.
    await client.query('select pg_advisory_lock(7120314)');
    await refuseNewerSchema(client);
    const applied = await runner({
      dbClient: client,
      dir: MIGRATIONS_FOLDER,
      direction: 'up',
      migrationsTable: MIGRATIONS_TABLE,
      noLock: true,
      log: () => undefined,
    });
    return { applied: applied.map((migration) => migration.name) };
  } finally {
    await client.end();
  }
}

async function refuseNewerSchema(client: Client): Promise<void> {
  const table = await client.query<{ name: string | null }>(
    `select to_regclass('${MIGRATIONS_TABLE}')::text as name`,
  );
  if (!table.rows[0]?.name) return;
  const known = new Set(
    (await readdir(MIGRATIONS_FOLDER)).map((file) => file.replace(/\.sql$/, '')),
  );
  const ran = await client.query<{ name: string }>(
    `select name from ${MIGRATIONS_TABLE} order by id`,
  );
  const unknown = ran.rows.map((row) => row.name).filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new SchemaTooNewError(
    `the database was migrated by a newer version of the platform (${unknown.join(', ')}); start that version instead`,
  );
}
