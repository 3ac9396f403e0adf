import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { sha256 } from '@nexus/kit/hash';
import { FolderBlobStore } from '@nexus/storage';

import { addBlob, listMissing } from '../blobs/blob-index.ts';
import { lockBytes } from '../blobs/byte-locks.ts';
import { recordManifests, storeManifest } from '../manifests/manifest-store.ts';
import { submitBatch, toEntries, toSubmission, uploadBlob } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { sweep, type RetentionPolicy, type Swept } from './retention.ts';

let plane: TestControlPlane;
let ana: TestAccount;
let bruno: TestAccount;
let blobs: FolderBlobStore;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  bruno = await plane.createAccount('bruno');
  blobs = await FolderBlobStore.open(plane.blobFolder);
});

afterAll(() => plane.stop());

const HOUR_MS = 3_600_000;

/** As `retention` would a day later, for all that is there now. */
function clean(policy: Partial<RetentionPolicy> = {}): Promise<Swept> {
  const now = new Date(Date.now() + HOUR_MS);
  return sweep(
    { database: plane.database, blobs },
    { finishedBefore: now, abandonedBefore: now, unusedBefore: now, ...policy },
  );
}

const NEVER = new Date(0);
/** Of blobs alone: no batch is old enough. */
const onlyBlobs = () => clean({ finishedBefore: NEVER, abandonedBefore: NEVER });

async function isHere(name: string, account = ana): Promise<boolean> {
  const response = await account.api.raw(`/blobs/${name}`);
  await response.arrayBuffer();
  return response.status === 200;
}

async function storedNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const some of blobs.list()) names.push(...some);
  return names;
}

beforeEach(async () => {
  await plane.database.query('delete from batches');
  // One that is always held, so that the database is not taken for the wrong one.
  await plane.database.query('delete from environments');
  await clean();
  const held = await uploadBlob(ana.api, 'always held');
  await plane.database.query(
    "insert into environments (account_id, key, state, blob_sha256, used_at) values ($1, 'held', 'ready', $2, 'infinity')",
    [ana.id, held],
  );
});

/** Old enough to go, were it not for the transaction under way. */
async function aged(): Promise<void> {
  await plane.database.query("update blobs set used_at = now() - interval '2 days'");
  await plane.database.query("update manifests set used_at = now() - interval '2 days'");
  for (const name of await storedNames()) {
    const path = join(plane.blobFolder, 'blobs', name.slice(0, 2), name.slice(2));
    // Gone, if the sweep was faster.
    await utimes(path, new Date(0), new Date(0)).catch(() => undefined);
  }
}

const dayOld = () =>
  clean({
    unusedBefore: new Date(Date.now() - 24 * HOUR_MS),
    finishedBefore: NEVER,
    abandonedBefore: NEVER,
  });

test('a submit that counts on a blob keeps it, though the sweep runs before it commits', async () => {
  const name = await uploadBlob(ana.api, 'counted on');
  await aged();
  await plane.database.transaction(async (tx) => {
    // The first thing a submit does.
    expect(await listMissing(tx, ana.id, [name])).toEqual([]);
    await dayOld();
  });
  await dayOld();
  expect(await isHere(name)).toBe(true);
});

test('a submit that comes while a blob is being cleaned away is told to send it', async () => {
  const name = await uploadBlob(ana.api, 'on its way out');
  const { promise: isDeleted, resolve: deleted } = Promise.withResolvers<void>();
  const { promise: mayCommit, resolve: commit } = Promise.withResolvers<void>();
  await aged();
  const cleaning = plane.database.transaction(async (tx) => {
    await tx.query('delete from blobs where sha256 = $1', [name]);
    deleted();
    await mayCommit;
  });
  await isDeleted;
  const submitting = ana.api.post(
    '/batches',
    toSubmission({ files: { 'main.py': 'on its way out' } }),
  );
  commit();
  await cleaning;
  expect((await submitting).body).toMatchObject({ state: 'uploading', missing: [name] });
});

test('a manifest that a submit takes up again stays, with what it names', async () => {
  const files = { 'main.py': 'same project' };
  await submitBatch(ana.api, { files });
  await plane.database.query('delete from batches');
  await aged();
  const project = await storeManifest(blobs, { entries: toEntries(files) });
  await plane.database.transaction(async (tx) => {
    await recordManifests(tx, blobs, { accountId: ana.id, manifests: [project] });
    await dayOld();
  });
  expect(
    await plane.database.query('select 1 from manifests where sha256 = $1', [project.sha256]),
  ).toHaveLength(1);
  expect(
    await plane.database.query('select 1 from manifest_blobs where manifest_sha256 = $1', [
      project.sha256,
    ]),
  ).toHaveLength(1);
  expect(await isHere(project.sha256)).toBe(true);
  expect(await isHere(sha256('same project'))).toBe(true);
});

test('bytes whose row is being added are left alone', async () => {
  const name = await blobs.put(Buffer.from('just arrived'));
  await plane.database.transaction(async (tx) => {
    await lockBytes(tx, [name]);
    await onlyBlobs();
    expect(await blobs.sizeOf(name)).toBeDefined();
  });
  await onlyBlobs();
  expect(await blobs.sizeOf(name)).toBeUndefined();
});

test('a row is not added for bytes that are gone: they are asked for once more', async () => {
  const name = sha256('cleaned away in between');
  const deps = { database: plane.database, blobs };
  expect(await addBlob(deps, { accountId: ana.id, sha256: name, sizeBytes: 23 })).toBe(false);
  await blobs.put(Buffer.from('cleaned away in between'));
  expect(await addBlob(deps, { accountId: ana.id, sha256: name, sizeBytes: 23 })).toBe(true);
});

test('however uploads, submits and sweeps fall together, what a batch needs is there', async () => {
  const gate = new Gate();
  let isOver = false;
  const sweeping = (async () => {
    // A day passes between two requests, never within one; the sweep runs at any moment.
    for (; !isOver; await dayOld()) await gate.alone(aged);
  })();
  const kept: { account: TestAccount; content: string }[] = [];
  const submitting = Promise.all(
    [ana, bruno].flatMap((account) =>
      Array.from({ length: 10 }, async (_, n) => {
        const content = `contended ${n}`;
        for (let time = 0; time < 4; time += 1) {
          const batchId = await submitUntilStarted(gate, account, content);
          if (time < 3) await plane.database.query('delete from batches where id = $1', [batchId]);
        }
        kept.push({ account, content });
      }),
    ),
  );
  try {
    await submitting;
  } finally {
    isOver = true;
    await sweeping;
  }
  for (const { account, content } of kept) {
    expect(await isHere(sha256(content), account), `${account.name}: ${content}`).toBe(true);
    expect((await blobs.read(sha256(content))).toString()).toBe(content);
  }
  const projects = await plane.database.query<{ project: string }>(
    'select distinct project_sha256 as project from batches',
  );
  expect(projects).toHaveLength(10);
  for (const { project } of projects) expect(await blobs.sizeOf(project)).toBeGreaterThan(0);
});

/** As a client: uploads what is missing for as long as something is. */
async function submitUntilStarted(
  gate: Gate,
  account: TestAccount,
  content: string,
): Promise<string> {
  const { status, body } = await gate.together(() =>
    account.api.post('/batches', toSubmission({ files: { 'main.py': content } })),
  );
  expect(status, `${JSON.stringify(body)} ${status === 200 ? '' : await plane.readLog()}`).toBe(
    200,
  );
  let { missing } = body;
  while (missing.length > 0) {
    await account.api.put(
      `/blobs/${sha256(content)}?offset=0&size=${content.length}`,
      Buffer.from(content),
    );
    missing = (await gate.together(() => account.api.post(`/batches/${body.batchId}/start`))).body
      .missing;
  }
  return body.batchId;
}

/** Many may pass together, or one alone. */
class Gate {
  #last: Promise<unknown> = Promise.resolve();
  readonly #inside = new Set<Promise<unknown>>();

  async together<T>(work: () => Promise<T>): Promise<T> {
    await this.#last;
    const going = work();
    this.#inside.add(going);
    try {
      return await going;
    } finally {
      this.#inside.delete(going);
    }
  }

  async alone(work: () => Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await Promise.all(this.#inside);
    await work();
    resolve();
  }
}
