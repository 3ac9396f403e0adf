import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type QueryResultRow } from 'pg';

import type { Database, Queryable } from './database.ts';

/** A database handle of which, over all processes, there is one at a time. */
export interface ExclusiveDatabase extends Database {
  /** Aborted when the connection, and with it the right, is lost. */
  readonly lost: AbortSignal;
}

const RETRY_MS = 500;

/**
 * Waits until this process is the one that holds `key` (any 32-bit number). The lock is the
 * connection's: all statements go over it, so that who has lost the right can write nothing more.
 * Throws the signal's reason when told to stop waiting.
 */
export async function openExclusive(options: {
  url: string;
  key: number;
  signal: AbortSignal;
  /** Called once if another process has it. */
  onWaiting?: () => void;
}): Promise<ExclusiveDatabase> {
  let isTold = false;
  for (;;) {
    options.signal.throwIfAborted();
    const opened = await tryOpen(options);
    if (opened !== undefined) return opened;
    if (!isTold) options.onWaiting?.();
    isTold = true;
    await sleep(RETRY_MS, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

/** Undefined: another process has it. */
async function tryOpen(options: {
  url: string;
  key: number;
}): Promise<ExclusiveDatabase | undefined> {
  const client = new Client({
    connectionString: options.url,
    application_name: 'nexus-exclusive',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  const lost = new AbortController();
  const lose = (): void => lost.abort(new Error('the connection that held the lock is gone'));
  client.on('error', lose);
  client.on('end', lose);
  await client.connect();
  const { rows } = await client.query<{ isOurs: boolean }>(
    'select pg_try_advisory_lock(7120315, $1) as "isOurs"',
    [options.key],
  );
  if (rows[0]?.isOurs === true) return handle(client, lost.signal);
  await client.end();
  return undefined;
}

function handle(client: Client, lost: AbortSignal): ExclusiveDatabase {
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other: what others ask meanwhile must not land in somebody's transaction. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  const query = async <T extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<T[]> => (await client.query<T>(sql, [...values])).rows;
  return {
    lost,
    query: <T extends QueryResultRow>(sql: string, values?: readonly unknown[]) =>
      inTurn(() => query<T>(sql, values)),
    transaction: (work) => inTurn(() => runTransaction({ query }, work)),
    close: () => inTurn(() => client.end().catch(() => undefined)),
  };
}

async function runTransaction<T>(tx: Queryable, work: (tx: Queryable) => Promise<T>): Promise<T> {
  await tx.query('begin');
  try {
    const result = await work(tx);
    await tx.query('commit');
    return result;
  } catch (error) {
    await tx.query('rollback').catch(() => undefined);
    throw error;
  }
}
