import type { Queryable } from '@nexus/db';

/** Which account may read which blob. The bytes themselves are in storage. */

/** Of `names`, those the account has not sent yet. What it has is kept for the submit that follows. */
export async function listMissing(db: Queryable, accountId: string, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const held = await db.query<{ sha256: string }>(
    'update blobs set used_at = now() where account_id = $1 and sha256 = any($2) returning sha256',
    [accountId, [...new Set(names)].toSorted()],
  );
  const known = new Set(held.map((row) => row.sha256));
  return [...new Set(names)].filter((name) => !known.has(name));
}

export async function addBlob(
  db: Queryable,
  blob: { accountId: string; sha256: string; sizeBytes: number },
): Promise<void> {
  await db.query(
    `insert into blobs (account_id, sha256, size_bytes) values ($1, $2, $3)
     on conflict (account_id, sha256) do update set used_at = now()`,
    [blob.accountId, blob.sha256, blob.sizeBytes],
  );
}

export async function findBlobSize(db: Queryable, accountId: string, sha256: string): Promise<number | undefined> {
  const rows = await db.query<{ sizeBytes: number }>(
    'select size_bytes as "sizeBytes" from blobs where account_id = $1 and sha256 = $2',
    [accountId, sha256],
  );
  return rows[0]?.sizeBytes;
}
