import type { Database, Queryable } from '@nexus/db';
import type { BlobStore } from '@nexus/storage';

import { touch } from './keep-alive.ts';
import { lockBytes } from './byte-locks.ts';

/** Which account may read which blob. The bytes themselves are in storage. */

/** Of `names`, those the account has not sent yet. What it has is kept for the submit that follows. */
export async function listMissing(
  db: Queryable,
  accountId: string,
  names: readonly string[],
): Promise<string[]> {
  const held = await keepHeld(db, accountId, names);
  return [...new Set(names)].filter((name) => !held.has(name));
}

/** Of `names`, those the account has sent, with their sizes. They are kept for the submit that follows. */
export async function keepHeld(
  db: Queryable,
  accountId: string,
  names: readonly string[],
): Promise<Map<string, number>> {
  if (names.length === 0) return new Map();
  const wanted = [...new Set(names)];
  await touch(db, 'blobs', { accountId, names: wanted });
  const held = await db.query<{ sha256: string; sizeBytes: number }>(
    'select sha256, size_bytes as "sizeBytes" from blobs where account_id = $1 and sha256 = any($2)',
    [accountId, wanted],
  );
  return new Map(held.map((row) => [row.sha256, row.sizeBytes]));
}

/** False if the bytes were cleaned away in the moment since they came: they have to be sent again. */
export async function addBlob(
  { database, blobs }: { database: Database; blobs: BlobStore },
  blob: { accountId: string; sha256: string; sizeBytes: number },
): Promise<boolean> {
  return database.transaction(async (tx) => {
    await lockBytes(tx, [blob.sha256]);
    if ((await blobs.sizeOf(blob.sha256)) === undefined) return false;
    await tx.query(
      `insert into blobs (account_id, sha256, size_bytes) values ($1, $2, $3)
       on conflict (account_id, sha256) do update set used_at = now()`,
      [blob.accountId, blob.sha256, blob.sizeBytes],
    );
    return true;
  });
}

export async function findBlobSize(
  db: Queryable,
  accountId: string,
  sha256: string,
): Promise<number | undefined> {
  const rows = await db.query<{ sizeBytes: number }>(
    'select size_bytes as "sizeBytes" from blobs where account_id = $1 and sha256 = $2',
    [accountId, sha256],
  );
  return rows[0]?.sizeBytes;
}
