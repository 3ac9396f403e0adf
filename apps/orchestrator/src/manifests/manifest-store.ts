import type { Database, Queryable } from '@nexus/db';
import { manifestSchema, type Manifest } from '@nexus/grid/contract';
import { filesOf, manifestBytes } from '@nexus/grid';
import { AppError } from '@nexus/kit/errors';
import { sha256 } from '@nexus/kit/hash';
import type { BlobStore } from '@nexus/storage';

export interface StoredManifest {
  sha256: string;
  bytes: Buffer;
  manifest: Manifest;
}

/** Puts the manifest itself into storage. It counts as here only once `recordManifest` has committed. */
export async function storeManifest(blobs: BlobStore, manifest: Manifest): Promise<StoredManifest> {
  refuseDuplicates(manifest);
  const bytes = manifestBytes(manifest);
  await blobs.put(bytes);
  return { sha256: sha256(bytes), bytes, manifest };
}

/** Records the manifest and what it refers to; part of the transaction that refers to the manifest. */
export async function recordManifest(tx: Queryable, accountId: string, stored: StoredManifest): Promise<void> {
  const files = filesOf(stored.manifest);
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  await tx.query(
    `insert into blobs (account_id, sha256, size_bytes) values ($1, $2, $3)
     on conflict (account_id, sha256) do update set used_at = now()`,
    [accountId, stored.sha256, stored.bytes.length],
  );
  const created = await tx.query(
    `insert into manifests (account_id, sha256, file_count, size_bytes) values ($1, $2, $3, $4)
     on conflict do nothing returning sha256`,
    [accountId, stored.sha256, files.length, sizeBytes],
  );
  if (created.length === 0 || files.length === 0) return;
  await tx.query(
    `insert into manifest_blobs (account_id, manifest_sha256, blob_sha256)
     select distinct $1, $2, unnest($3::text[])`,
    [accountId, stored.sha256, files.map((file) => file.sha256)],
  );
}

export async function readManifest(blobs: BlobStore, name: string): Promise<Manifest> {
  return manifestSchema.parse(JSON.parse((await blobs.read(name)).toString('utf8')));
}

export async function ownsManifest(database: Database, accountId: string, name: string): Promise<boolean> {
  const rows = await database.query('select 1 from manifests where account_id = $1 and sha256 = $2', [accountId, name]);
  return rows.length > 0;
}

function refuseDuplicates(manifest: Manifest): void {
  const seen = new Set<string>();
  for (const { path } of manifest.entries) {
    if (seen.has(path)) throw new AppError('invalid_request', `the manifest names ${JSON.stringify(path)} twice`);
    seen.add(path);
  }
}
