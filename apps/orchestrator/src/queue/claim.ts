import { loadSql, type Database, type Queryable } from '@nexus/db';
import type { Capacity, Lease } from '@nexus/grid/contract';

import { lockBatches } from './locks.ts';

const chooseBatches = loadSql(import.meta.url, './choose-batches.sql');
const leaveToBetterPaid = loadSql(import.meta.url, './better-paid.sql');
const claimExecutions = loadSql(import.meta.url, './claim-executions.sql');

const MAX_ATTEMPTS = 8;

export interface ClaimRequest {
  workerId: string;
  serverId: string | null;
  /** Free now. */
  capacity: Capacity;
  /** Free when it has nothing to do. */
  total: { cpus: number; memoryBytes: number };
  /** `driver:docker`, … */
  offers: readonly string[];
  leaseMs: number;
}

/** Leases as much as the worker has room for, or nothing. No execution is ever leased to two. */
export async function claim(database: Database, request: ClaimRequest): Promise<Lease[]> {
  if (request.capacity.slots === 0) return [];
  // Looked up outside of the transaction first: most polls find nothing and should lock nothing.
  if (!(await takesWork(database, request))) return [];
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const chosen = await choose(database, request);
    if (chosen.length === 0) return [];
    const leases = await database.transaction(async (tx) => {
      await lockBatches(
        tx,
        chosen.map((batch) => batch.id),
      );
      return claimFrom(tx, request, chosen);
    });
    if (leases.length > 0) return leases;
    // Another worker was faster. Look again: there may be other work.
  }
  return [];
}

export interface Chosen {
  /** Of a batch. */
  id: string;
  wanted: number;
}

/** Where a worker should draw from now. Takes no lock: what it says may be outdated when it arrives. */
export async function choose(
  db: Queryable,
  { workerId, serverId, capacity, total, offers }: ClaimRequest,
): Promise<Chosen[]> {
  const free = [capacity.slots, capacity.cpus, capacity.memoryBytes];
  const chosen = await db.query<Chosen>(chooseBatches, [
    ...free,
    offers,
    total.cpus,
    total.memoryBytes,
    workerId,
  ]);
  if (serverId === null || chosen.length === 0) return chosen;
  const ids = chosen.map((batch) => batch.id);
  const left = await db.query<{ id: string }>(leaveToBetterPaid, [serverId, ids]);
  return chosen.filter((batch) => !left.some(({ id }) => id === batch.id));
}

/** The caller holds the locks of the chosen batches. */
export async function claimFrom(
  tx: Queryable,
  request: ClaimRequest,
  chosen: readonly Chosen[],
): Promise<Lease[]> {
  if (chosen.length === 0 || !(await holdServer(tx, request))) return [];
  return tx.query<Lease>(claimExecutions, [
    chosen.map((batch) => batch.id),
    chosen.map((batch) => batch.wanted),
    request.workerId,
    request.leaseMs,
  ]);
}

const TAKES_WORK =
  "select 1 from servers where id = $1 and state in ('intended', 'booting', 'active')";

/** Whether the worker's server, if it is a rented one, is to get more work. */
async function takesWork(db: Queryable, { serverId }: ClaimRequest): Promise<boolean> {
  return serverId === null || (await db.query(TAKES_WORK, [serverId])).length > 0;
}

/** The same, and it stays so to the end of the transaction: nobody decides to delete a server under a new lease. */
async function holdServer(tx: Queryable, { serverId }: ClaimRequest): Promise<boolean> {
  return serverId === null || (await tx.query(`${TAKES_WORK} for share`, [serverId])).length > 0;
}
