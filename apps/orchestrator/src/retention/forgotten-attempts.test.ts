import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { FolderBlobStore } from '@nexus/storage';

import { settleServers } from '../costs/settle-servers.ts';
import { GridBooks, type ServerGiven } from '../testing/grid-books.ts';
import { startTestControlPlane, type TestControlPlane } from '../testing/test-control-plane.ts';
import { sweep } from './retention.ts';

let plane: TestControlPlane;
let books: GridBooks;
let blobs: FolderBlobStore;

beforeAll(async () => {
  plane = await startTestControlPlane();
  books = new GridBooks(plane.database, await plane.createAccount());
  blobs = await FolderBlobStore.open(plane.blobFolder);
});

beforeEach(() => books.clear());

afterAll(() => plane.stop());

const MINUTE_MS = 60_000;
const BORN = Date.UTC(2026, 9, 1, 12);

/** Of a server that lives on long after what it ran is forgotten. */
function living(minutes: readonly number[]): ServerGiven {
  return {
    ...{ createdAtMs: BORN, endAtMs: null, registeredAtMs: BORN },
    ...{ slots: 2, priceMicrosPerHour: 12_000, ipv4MicrosPerHour: 800 },
    attempts: minutes.map((minute) => ({
      ...{ leasedAtMs: BORN, endedAtMs: BORN + minute * MINUTE_MS },
      ...{ outcome: 'succeeded', provisionalMicros: 5 },
    })),
  };
}

async function forgetAll(): Promise<void> {
  await plane.database.query("update batches set finished_at = now() - interval '40 days'");
  const before = new Date();
  const policy = { finishedBefore: before, abandonedBefore: before, unusedBefore: before };
  expect(await sweep({ database: plane.database, blobs }, policy)).toMatchObject({ batches: 1 });
}

test('what a deleted batch took is in the bill of its server as executions, not as idle time', async () => {
  const { serverId } = await books.addServer(living([10, 20]));
  await forgetAll();
  await plane.database.query("update servers set state = 'gone', gone_at = $1", [
    new Date(BORN + 60 * MINUTE_MS),
  ]);
  await settleServers(plane.database);
  expect(await books.billOf(serverId)).toMatchObject({
    ...{ totalMicros: 12_800, executionsMicros: 3000, idleMicros: 9000, bootMicros: 0 },
  });
});

test('nothing is noted for a server whose bill is split up', async () => {
  await books.addServer({ ...living([10]), endAtMs: BORN + 60 * MINUTE_MS });
  await settleServers(plane.database);
  await forgetAll();
  expect(await plane.database.query('select * from forgotten_attempts')).toEqual([]);
});
