import { loadSql, type Database } from '@nexus/db';
import {
  expectRemainingMs,
  type Architecture,
  type CloudServer,
  type DemandGroup,
  type FixedWorker,
  type FleetSnapshot,
  type RefusalMemory,
  type RunningAttempt,
  type Server,
  type ServerOffer,
  type ServerState,
} from '@nexus/grid';

import type { RecentDemand } from './recent-demand.ts';

const demandSql = loadSql(import.meta.url, './demand.sql');
const serversSql = loadSql(import.meta.url, './servers.sql');
const runningSql = loadSql(import.meta.url, './running.sql');

/** More batches than this at once are planned for in their order. */
const MAX_GROUPS = 500;
/** Before anything is known. */
const FIRST_RUN_MS = 60_000;

/** What does not come from the database. */
export interface Surroundings {
  cloud: readonly CloudServer[] | null;
  offers: readonly ServerOffer[];
  refusals: RefusalMemory;
  committedMicros: number;
  /** Before a boot has been seen. */
  bootEstimateMs: number;
  listeningSince: Date;
  recentDemand: RecentDemand;
  /** What a worker on a server offers before it has registered. */
  serverOffers: readonly string[];
}

/** Everything a plan may look at, read in one go. */
export async function gatherSnapshot(
  database: Database,
  around: Surroundings,
  now: Date,
): Promise<FleetSnapshot> {
  const runs = groupRuns(await database.query<RunRow>(runningSql));
  const demand = await readDemand(database);
  const workers = await readWorkers(database, runs);
  const servers = (await database.query<ServerRow>(serversSql)).map((row) =>
    toServer(row, runs.get(row.id) ?? [], around.serverOffers),
  );
  const held = [...runs.values()].reduce((sum, of) => sum + of.length, 0);
  around.recentDemand.note(held + demand.reduce((sum, group) => sum + group.count, 0), now);
  const { bootMs, runMs } = await readTypicalTimes(database);
  return {
    ...{ demand, workers, servers },
    ...{ cloud: around.cloud, offers: around.offers, refusals: around.refusals },
    recentDemand: around.recentDemand.list(now),
    budget: { committedMicros: around.committedMicros },
    listeningSinceMs: around.listeningSince.getTime(),
    expectedBootMs: bootMs ?? around.bootEstimateMs,
    typicalRunMs: runMs ?? FIRST_RUN_MS,
  };
}

interface DemandRow extends Omit<DemandGroup, 'oldestQueuedAtMs' | 'newestQueuedAtMs'> {
  oldestQueuedAt: Date;
  newestQueuedAt: Date;
}

async function readDemand(database: Database): Promise<DemandGroup[]> {
  const rows = await database.query<DemandRow>(demandSql, [MAX_GROUPS]);
  return rows.map(({ oldestQueuedAt, newestQueuedAt, ...group }) => ({
    ...group,
    oldestQueuedAtMs: oldestQueuedAt.getTime(),
    // Retried ones are queued anew: the first in line need not be the oldest.
    newestQueuedAtMs: Math.max(oldestQueuedAt.getTime(), newestQueuedAt.getTime()),
  }));
}

interface RunRow {
  /** The server, or the worker if it is on none of ours. */
  holder: string;
  cpus: number;
  memoryBytes: number;
  elapsedMs: number;
  timeoutMs: number;
  expectedMs: number | null;
}

function groupRuns(rows: readonly RunRow[]): Map<string, RunningAttempt[]> {
  const runs = new Map<string, RunningAttempt[]>();
  for (const row of rows) runs.set(row.holder, [...(runs.get(row.holder) ?? []), toRun(row)]);
  return runs;
}

function toRun({ cpus, memoryBytes, elapsedMs, timeoutMs, expectedMs }: RunRow): RunningAttempt {
  return {
    ...{ cpus, memoryBytes },
    remainingMs: expectedMs === null ? null : expectRemainingMs({ expectedMs, elapsedMs }),
    maxRemainingMs: Math.max(0, timeoutMs - elapsedMs),
  };
}

interface WorkerRow extends Omit<FixedWorker, 'running' | 'offers'> {
  drivers: string[];
}

async function readWorkers(
  database: Database,
  runs: ReadonlyMap<string, readonly RunningAttempt[]>,
): Promise<FixedWorker[]> {
  const rows = await database.query<WorkerRow>(
    `select id, state = 'draining' as "isDraining", slots, cpus, memory_bytes as "memoryBytes", drivers
     from workers where state <> 'gone' and server_id is null`,
  );
  return rows.map(({ drivers, ...worker }) => ({
    ...worker,
    offers: offersOf(drivers),
    running: runs.get(worker.id) ?? [],
  }));
}

interface ServerRow {
  id: string;
  name: string;
  state: Exclude<ServerState, 'gone'>;
  cloudId: string | null;
  serverType: string;
  location: string;
  architecture: Architecture;
  slots: number;
  cpus: number;
  memoryBytes: number;
  drivers: string[] | null;
  priceMicrosPerHour: number;
  ipv4MicrosPerHour: number;
  intendedAt: Date;
  createdAt: Date | null;
  registeredAt: Date | null;
  lastHeartbeatAt: Date | null;
  lastEndedAt: Date | null;
  infraFailures: number;
  deleteTries: number;
  deleteTriedAt: Date | null;
}

function toServer(
  row: ServerRow,
  running: readonly RunningAttempt[],
  serverOffers: readonly string[],
): Server {
  const { drivers, intendedAt, createdAt, registeredAt, lastHeartbeatAt, deleteTriedAt } = row;
  const idleSince = registeredAt === null || running.length > 0 ? null : latest(row);
  return {
    ...{ id: row.id, name: row.name, state: row.state, cloudId: row.cloudId },
    ...{ serverType: row.serverType, location: row.location, architecture: row.architecture },
    ...{ slots: row.slots, cpus: row.cpus, memoryBytes: row.memoryBytes, running },
    offers: drivers === null ? serverOffers : offersOf(drivers),
    priceMicrosPerHour: row.priceMicrosPerHour,
    ipv4MicrosPerHour: row.ipv4MicrosPerHour,
    intendedAtMs: intendedAt.getTime(),
    createdAtMs: createdAt?.getTime() ?? null,
    registeredAtMs: registeredAt?.getTime() ?? null,
    lastHeartbeatAtMs: lastHeartbeatAt?.getTime() ?? null,
    idleSinceMs: idleSince?.getTime() ?? null,
    ...{ infraFailures: row.infraFailures, deleteTries: row.deleteTries },
    deleteTriedAtMs: deleteTriedAt?.getTime() ?? null,
  };
}

function latest({ registeredAt, lastEndedAt }: ServerRow): Date | null {
  if (registeredAt === null || lastEndedAt === null) return registeredAt;
  return lastEndedAt > registeredAt ? lastEndedAt : registeredAt;
}

function offersOf(drivers: readonly string[]): string[] {
  return drivers.map((driver) => `driver:${driver}`);
}

/** Medians of the latest; null while there is nothing to go by. */
async function readTypicalTimes(
  database: Database,
): Promise<{ bootMs: number | null; runMs: number | null }> {
  const [row] = await database.query<{ bootMs: number | null; runMs: number | null }>(
    `select
       (select percentile_cont(0.5) within group (order by extract(epoch from active_at - intended_at) * 1000) from (
          select active_at, intended_at from servers where active_at is not null
          order by intended_at desc limit 9) boots)::bigint as "bootMs",
       (select percentile_cont(0.5) within group (order by e.wall_ms) from (
          select id from batches where finished_at is not null order by finished_at desc limit 20) b
        cross join lateral (
          select wall_ms from executions where batch_id = b.id and wall_ms is not null
          order by version desc limit 10) e)::bigint as "runMs"`,
  );
  return row ?? { bootMs: null, runMs: null };
}
