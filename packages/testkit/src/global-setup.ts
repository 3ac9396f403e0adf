import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

import { migrate, openDatabase } from '@nexus/db';
import { startCluster } from '@nexus/db/embedded';

import { TEMPLATE_DATABASE } from './test-database.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection string of a database of the test cluster, its name left out as DATABASE. */
    clusterUrl: string;
  }
}

/** One real PostgreSQL for the whole run; each test file clones its migrated template. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-test-'));
  // Nothing here has to survive a power cut.
  const cluster = await startCluster({
    folder,
    settings: { fsync: 'off', synchronous_commit: 'off', max_connections: '300' },
  });
  const admin = openDatabase({ url: cluster.url('postgres'), maxConnections: 1 });
  await admin.query(`create database ${TEMPLATE_DATABASE}`);
  await migrate(cluster.url(TEMPLATE_DATABASE));
  await admin.close();
  project.provide('clusterUrl', cluster.url('DATABASE'));
  return async () => {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
