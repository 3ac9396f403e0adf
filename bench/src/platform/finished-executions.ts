import type { Database } from '@nexus/db';

const BATCHES = 100;

/** Fills the tables with executions that have ended, as long use does; by plain SQL, the triggers left out. */
export async function insertFinished(database: Database, count: number): Promise<void> {
  const perBatch = Math.ceil(count / BATCHES);
  await database.transaction(async (tx) => {
    await tx.query('set local session_replication_role = replica');
    await tx.query(`insert into accounts (id, name) values ('filler', 'filler')`);
    await tx.query(
      `insert into api_keys (id, account_id, name, secret_hash) values ('filler', 'filler', 'filler', '')`,
    );
    await tx.query(
      `insert into batches (id, account_id, key_id, spec, project_sha256, masked, metadata, retries, priority, parallel,
         cpus, memory_bytes, requires, succeeded, created_at, finished_at)
       select 'filler' || lpad(b::text, 6, '0'), 'filler', 'filler', '{}', repeat('0', 64), '{}', '{}', 0, 0, 1000000,
         1, 1073741824, '{}', $1, now() - interval '1 day', now() - interval '1 hour'
       from generate_series(1, $2) b`,
      [perBatch, BATCHES],
    );
    await tx.query(
      `insert into executions (id, batch_id, account_id, index, label, args, identity, state, version, epoch,
         exit_code, sandbox, stdout_bytes, wall_ms, cpu_ms, max_memory_bytes, created_at, queued_at, leased_at, started_at, finished_at)
       select b.id || '-' || i, b.id, 'filler', i, i::text, jsonb_build_array(i::text), md5(b.id || i) || md5(i::text), 'succeeded',
         nextval('execution_version'), 1, 0, 'bubblewrap', 10, 20, 20, 8000000, b.created_at, b.created_at, b.finished_at,
         b.finished_at, b.finished_at
       from batches b, generate_series(0, $1 - 1) i where b.account_id = 'filler'`,
      [perBatch],
    );
    await tx.query(
      `insert into attempts (execution_id, epoch, worker_id, leased_at, started_at, ended_at, outcome, exit_code, cost_micros)
       select id, 1, 'filler', leased_at, started_at, finished_at, 'succeeded', 0, 0 from executions where account_id = 'filler'`,
    );
  });
  await database.query('vacuum analyze executions, attempts, batches');
}
