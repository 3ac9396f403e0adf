import type { Queryable } from '@nexus/db';

/**
 * Cleaning up takes only what nobody used for BLOB_GRACE_HOURS, an hour at least. So whoever is about
 * to refer to a row has to renew only an old `used_at`: a fresh one outlives any transaction, and rows
 * that everybody uses are not written, nor locked, by everybody.
 */
const FRESH = "interval '10 minutes'";

/** Keeps these rows, as far as they exist, for the transaction under way and what follows it. */
export async function touch(
  db: Queryable,
  table: 'blobs' | 'manifests',
  { accountId, names }: { accountId: string; names: readonly string[] },
): Promise<void> {
  await db.query(
    // Locked in the order of their names, so that no two transactions wait for each other.
    `with stale as (
       select sha256 from ${table} where account_id = $1 and sha256 = any($2) and used_at < now() - ${FRESH}
       order by sha256 for no key update
     )
     update ${table} t set used_at = now() from stale where t.account_id = $1 and t.sha256 = stale.sha256`,
    [accountId, names],
  );
}
