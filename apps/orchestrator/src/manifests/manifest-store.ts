import type { Queryable } from '@nexus/db';
import { manifestSchema, type Manifest } from '@nexus/grid/contract';
import { filesOf, manifestBytes } from '@nexus/grid';
import { AppError } from '@nexus/kit/errors';
import { sha256 } from '@nexus/kit/hash';
import type { BlobStore } from '@nexus/storage';

import { lockBytes } from '../blobs/byte-locks.ts';
import { touch } from '../blobs/keep-alive.ts';

export interface StoredManifest {
  sha256: string;
  bytes: Buffer;
  manifest: Manifest;
}

/** Puts the manifest itself into storage. It counts as here only once `recordManifests` has committed. */
export async function storeManifest(blobs: BlobStore, manifest: Manifest): Promise<StoredManifest> {
  refuseConflicts(manifest);
  const bytes = manifestBytes(manifest);
  await blobs.put(bytes);
  return { sha256: sha256(bytes), bytes, manifest };
}

/** Records manifests and what they refer to; part of the transaction that refers to the manifests. */
export async function recordManifests(
  tx: Queryable,
  blobs: BlobStore,
  wanted: { accountId: string; manifests: readonly StoredManifest[] },
): Promise<void> {
  // Each once and in the order of their names, so that no two transactions wait for each other.
  const manifests = [
    ...new Map(wanted.manifests.map((stored) => [stored.sha256, stored])).values(),
  ].toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  const { accountId } = wanted;
  const names = manifests.map((stored) => stored.sha256);
  await lockBytes(tx, names);
  await touch(tx, 'manifests', { accountId, names });
  for (const stored of manifests) {
    // There since `storeManifest`, unless it was cleaned away in between.
    if ((await blobs.sizeOf(stored.sha256)) === undefined) await blobs.put(stored.bytes);
    await recordManifest(tx, accountId, stored);
  }
}

async function recordManifest(
  tx: Queryable,
  accountId: string,
  stored: StoredManifest,
): Promise<void> {
  const files = filesOf(stored.manifest);
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const created = await tx.query(
    `insert into manifests (account_id, sha256, file_count, size_bytes) values ($1, $2, $3, $4)
     on conflict do nothing returning sha256`,
    [accountId, stored.sha256, files.length, sizeBytes],
  );
  if (created.length === 0) return;
  // The manifest is a blob, too, which its row in `manifests` keeps alive.
  await tx.query(
    `insert into blobs (account_id, sha256, size_bytes) values ($1, $2, $3)
     on conflict (account_id, sha256) do update set used_at = now()`,
    [accountId, stored.sha256, stored.bytes.length],
  );
  if (files.length === 0) return;
  await tx.query(
    `insert into manifest_blobs (account_id, manifest_sha256, blob_sha256)
     select distinct $1, $2, unnest($3::text[])`,
    [accountId, stored.sha256, files.map((file) => file.sha256)],
  );
}

export async function readManifest(blobs: BlobStore, name: string): Promise<Manifest> {
  return manifestSchema.parse(JSON.parse((await blobs.read(name)).toString('utf8')));
}

/** Every path once, and nothing inside of what is no folder: such a set of files could not be laid out. */
function refuseConflicts(manifest: Manifest): void {
  const types = new Map<string, string>();
  for (const { path, type } of manifest.entries) {
    if (types.has(path))
      throw new AppError('invalid_request', `the manifest names ${JSON.stringify(path)} twice`);
    types.set(path, type);
  }
  const checked = new Set<string>();
  for (const { path } of manifest.entries) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at);
      if (checked.has(folder)) break;
      checked.add(folder);
      if ((types.get(folder) ?? 'directory') === 'directory') continue;
      throw new AppError(
        'invalid_request',
        `the manifest has ${JSON.stringify(path)} inside of a ${types.get(folder)}`,
      );
    }
  }
}
