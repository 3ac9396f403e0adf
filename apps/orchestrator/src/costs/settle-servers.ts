import { loadSql, type Database, type Queryable } from '@nexus/db';
import { attributeCosts } from '@nexus/grid';

import { readServerLives, type UnsettledLife } from './server-lives.ts';

const unsettledServerSql = loadSql(import.meta.url, './unsettled-server.sql');
const serverAttemptsSql = loadSql(import.meta.url, './server-attempts.sql');
const recordSharesSql = loadSql(import.meta.url, './record-shares.sql');

/** Rows a statement: an hour of very short executions has a hundred thousand. */
const CHUNK = 5000;

/** Splits up the bills of all servers that are gone. Returns how many. */
export async function settleServers(database: Database, signal?: AbortSignal): Promise<number> {
  for (let count = 0; ; count += 1) {
    signal?.throwIfAborted();
    if (!(await settleServer(database))) return count;
  }
}

/**
 * The bill of one server in one transaction: each attempt gets its exact share in place of what it was
 * said to cost at its end. Undefined if nothing is left to do, or others are at it.
 */
function settleServer(database: Database): Promise<string | undefined> {
  return database.transaction(async (tx) => {
    const [server] = await tx.query<{ id: string }>(unsettledServerSql);
    if (!server) return undefined;
    // Again now that we hold its row: another replica may have settled it between our look and our lock.
    const [life] = await readServerLives(tx, new Date(), server.id);
    if (life) await split(tx, server.id, life);
    return server.id;
  });
}

interface AttemptRow {
  executionId: string;
  epoch: number;
  slotMs: number;
  costMicros: number;
}

async function split(tx: Queryable, serverId: string, life: UnsettledLife): Promise<void> {
  const rows = await tx.query<AttemptRow>(serverAttemptsSql, [serverId]);
  const parts = attributeCosts({ ...life, attemptMs: rows.map(({ slotMs }) => slotMs) });
  await recordShares(tx, rows, parts.attemptMicros);
  await tx.query(
    `insert into server_bills (server_id, total_micros, executions_micros, boot_micros, idle_micros, ipv4_micros)
     values ($1, $2, $3, $4, $5, $6)`,
    [
      ...[serverId, parts.totalMicros, parts.executionsMicros],
      ...[parts.bootMicros, parts.idleMicros, parts.ipv4Micros],
    ],
  );
}

async function recordShares(
  tx: Queryable,
  rows: readonly AttemptRow[],
  micros: readonly number[],
): Promise<void> {
  const changed = rows
    .map((row, index) => ({ ...row, micros: micros[index] ?? 0 }))
    .filter((share) => share.micros !== share.costMicros);
  for (let from = 0; from < changed.length; from += CHUNK) {
    const chunk = changed.slice(from, from + CHUNK);
    await tx.query(recordSharesSql, [
      chunk.map((share) => share.executionId),
      chunk.map((share) => share.epoch),
      chunk.map((share) => share.micros),
      chunk.map((share) => share.micros - share.costMicros),
    ]);
  }
}
