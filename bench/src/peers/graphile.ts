import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runMigrations } from 'graphile-worker';

import { openDatabase, type Database } from '@nexus/db';

import { startService, waitUntil } from '../platform/service.ts';

const RUNNER = fileURLToPath(new URL('./graphile-runner.ts', import.meta.url));

/** `local`: with its own queue in memory, which takes 500 jobs at a time. */
type Mode = 'plain' | 'local';

export interface GraphilePeer {
  /** Queues `count` jobs that do nothing; what it returns has its own runner do them and says how long that took. */
  prepare(count: number, mode: Mode): Promise<() => Promise<number>>;
  close(): Promise<void>;
}

export async function openGraphile(url: string, folder: string): Promise<GraphilePeer> {
  const database = openDatabase({ url, maxConnections: 2 });
  await runMigrations({ connectionString: url });
  return {
    prepare: async (count, mode) => {
      await addJobs(database, count);
      return () => complete({ database, url, folder }, mode);
    },
    close: () => database.close(),
  };
}

async function addJobs(database: Database, count: number): Promise<void> {
  // Held back until the runner is up, so that its start is not part of the time.
  await database.query(
    `select count(*) from graphile_worker.add_jobs(array(
       select ('nothing', json_build_object('n', n), null, now() + interval '1 hour', null, null, null, null)::graphile_worker.job_spec
       from generate_series(1, $1) n))`,
    [count],
  );
  await database.query('vacuum analyze graphile_worker._private_jobs');
}

async function complete(
  peer: { database: Database; url: string; folder: string },
  mode: Mode,
): Promise<number> {
  const runner = startService({
    command: process.execPath,
    args: [RUNNER, mode],
    env: { DATABASE_URL: peer.url },
    logPath: join(peer.folder, 'graphile.log'),
  });
  try {
    await waitUntil(async () => (await countConnections(peer.database)) > 0, 'graphile-worker');
    const startedAt = performance.now();
    await peer.database.query('update graphile_worker._private_jobs set run_at = now()');
    await peer.database.query("select pg_notify('jobs:insert', '{}')");
    await waitUntil(async () => (await countJobs(peer.database)) === 0, 'the jobs to end');
    return performance.now() - startedAt;
  } finally {
    await runner.stop();
  }
}

async function countConnections(database: Database): Promise<number> {
  const rows = await database.query<{ count: number }>(
    `select count(*) from pg_stat_activity where datname = current_database() and query ilike '%listen%jobs:insert%'`,
  );
  return rows[0]?.count ?? 0;
}

async function countJobs(database: Database): Promise<number> {
  const rows = await database.query<{ count: number }>(
    'select count(*) from (select 1 from graphile_worker._private_jobs limit 1) j',
  );
  return rows[0]?.count ?? 0;
}
