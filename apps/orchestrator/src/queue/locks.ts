import type { Queryable } from '@nexus/db';

/**
 * Takes the row locks under which states of these batches' executions may change. Always in the
 * order of the ids, so that no two transactions wait for each other.
 */
export async function lockBatches(tx: Queryable, batchIds: readonly string[]): Promise<void> {
  await tx.query('select id from batches where id = any($1) order by id for no key update', [
    [...new Set(batchIds)],
  ]);
}
