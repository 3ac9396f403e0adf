import { afterAll, beforeAll, expect, test } from 'vitest';

import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

import { gatherSnapshot } from './gather-snapshot.ts';
import { RecentDemand } from './recent-demand.ts';

let own: TestDatabase;

beforeAll(async () => {
  own = await createTestDatabase();
  await own.database.query(`
    insert into accounts (id, name) values ('acc', 'acc');
    insert into api_keys (id, account_id, name, secret_hash) values ('key', 'acc', 'k', '\\x00');
    insert into batches (id, account_id, key_id, spec, project_sha256, masked, metadata, retries, priority,
       parallel, cpus, memory_bytes, requires)
     values ('b', 'acc', 'key', '{"limits": {"timeoutSeconds": 90}}', '', '{}', '{}', 0, 0, 10, 1, 1, '{}');
    insert into servers (id, name, state, server_type, location, architecture, cpus, memory_bytes, slots,
       price_micros_per_hour, ipv4_micros_per_hour, join_secret_hash, join_until, reason, cloud_id, created_at)
     values ('srv', 'rgrid-srv', 'active', 'cx23', 'fsn1', 'x86', 2, 4e9, 2, 8800, 800, '\\x00', now(), '', 7, now());
  `);
});
afterAll(() => own.drop());

const gather = () =>
  gatherSnapshot(
    own.database,
    {
      ...{ cloud: null, offers: [], refusals: { cells: [], account: null }, committedMicros: 0 },
      ...{ listeningSince: new Date(), recentDemand: new RecentDemand(), serverOffers: [] },
      bootEstimateMs: 90_000,
    },
    new Date(),
  );

async function addWorker(id: string, state: string): Promise<void> {
  await own.database.query(
    `insert into workers (id, name, secret_hash, state, slots, cpus, memory_bytes, drivers, runtimes, server_id)
     values ($1, 'w', '\\x00', $2, 2, 2, 4e9, '{process}', '{}', 'srv')`,
    [id, state],
  );
}

test('what a worker held that has been replaced is held by its server until its lease expires', async () => {
  await addWorker('first', 'gone');
  await addWorker('second', 'active');
  await own.database.query(
    `insert into executions (id, batch_id, account_id, index, label, args, identity, state, version, worker_id,
       leased_at, lease_until)
     values ('b-0', 'b', 'acc', 0, '0', '[]', '0', 'leased', 1, 'first', now(), now() + interval '1 minute')`,
  );
  const [server] = (await gather()).servers;
  expect(server?.running).toMatchObject([{ cpus: 1, memoryBytes: 1 }]);
  expect(server?.idleSinceMs).toBe(null);
});
