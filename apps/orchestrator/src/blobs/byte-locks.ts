import type { Queryable } from '@nexus/db';

/**
 * Bytes are in storage, the right to them is a row, and no transaction spans the two. Whoever adds a
 * row holds this lock, shared, and looks under it that the bytes are there; whoever deletes bytes holds
 * it alone and looks under it that there is no row. By a few bits of the name, so that a report of a
 * thousand manifests does not take a thousand locks.
 */
const CLASS = 7_120_315;

/** Until the end of the transaction these bytes are not deleted. */
export async function lockBytes(tx: Queryable, names: readonly string[]): Promise<void> {
  const groups = [...new Set(names.map(groupOf))].toSorted((a, b) => a - b);
  await tx.query('select pg_advisory_xact_lock_shared($1, g) from unnest($2::int[]) as g', [
    CLASS,
    groups,
  ]);
}

/** False if somebody is adding such a row right now. Never waits: cleaning up has time. */
export async function tryLockBytesAlone(tx: Queryable, name: string): Promise<boolean> {
  const [row] = await tx.query<{ locked: boolean }>(
    'select pg_try_advisory_xact_lock($1, $2) as locked',
    [CLASS, groupOf(name)],
  );
  return row?.locked ?? false;
}

function groupOf(name: string): number {
  return Number.parseInt(name.slice(0, 2), 16) & 63;
}
