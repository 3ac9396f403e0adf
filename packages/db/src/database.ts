import { Pool, types, type PoolClient, type QueryResultRow } from 'pg';

import { systemErrorCode } from '@nexus/kit/errors';

// int8 as a number: our largest are byte counts and micro-euros, far below 2^53.
types.setTypeParser(types.builtins.INT8, Number);
types.setTypeParser(types.builtins.NUMERIC, Number);

/** Where statements run: the pool, or one connection inside a transaction. */
export interface Queryable {
  query<T extends QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<T[]>;
}

export interface Database extends Queryable {
  /** Runs `work` in one transaction (read committed); anew, up to 5 times, after a deadlock. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  maxConnections?: number;
  /**
   * 'once': a statement keeps its first plan whatever its values, for few short statements that are
   * run all the time and always find their rows the same way. Default: Postgres weighs it each time.
   */
  planning?: 'once';
}

export function openDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: 10_000,
    application_name: 'nexus',
    ...(options.planning === 'once' ? { options: '-c plan_cache_mode=force_generic_plan' } : {}),
  });
  // An idle connection cut by a restart of Postgres is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => undefined);
  return {
    query: async <T extends QueryResultRow>(sql: string, values: readonly unknown[] = []) =>
      (await pool.query<T>(prepare(sql, values))).rows,
    transaction: (work) => runTransaction(pool, work),
    close: () => pool.end(),
  };
}

/** SQLSTATEs after which the whole transaction is simply run again. */
const RERUN_STATES = new Set(['40001', '40P01']);

async function runTransaction<T>(pool: Pool, work: (tx: Queryable) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const client = await pool.connect();
    // Between two statements nobody else listens, and an error without a listener would end the process.
    client.on('error', ignore);
    try {
      const result = await runOnce(client, work);
      release(client);
      return result;
    } catch (error) {
      const isRerun = RERUN_STATES.has(systemErrorCode(error) ?? '') && attempt < 5;
      // A failed rollback means the connection is of no use any more.
      const isBroken = await client.query('rollback').then(
        () => false,
        () => true,
      );
      release(client, isBroken);
      if (!isRerun) throw error;
    }
  }
}

function release(client: PoolClient, isBroken = false): void {
  client.off('error', ignore);
  client.release(isBroken);
}

function ignore(): void {}

async function runOnce<T>(client: PoolClient, work: (tx: Queryable) => Promise<T>): Promise<T> {
  await client.query('begin');
  const result = await work({
    query: async <R extends QueryResultRow>(sql: string, values: readonly unknown[] = []) =>
      (await client.query<R>(prepare(sql, values))).rows,
  });
  await client.query('commit');
  return result;
}

const statementNames = new Map<string, string>();
/** More texts than the platform has statements: someone builds them from values, and naming them would only cost. */
const MAX_NAMED = 500;

/** Statements are planned once a connection, not once a call: planning the claim costs more than running it. */
function prepare(
  text: string,
  values: readonly unknown[],
): { text: string; values: unknown[]; name?: string } {
  // Without values it may hold several statements, which cannot be prepared.
  if (values.length === 0) return { text, values: [] };
  let name = statementNames.get(text);
  if (name === undefined && statementNames.size < MAX_NAMED) {
    name = `s${statementNames.size}`;
    statementNames.set(text, name);
  }
  return { text, values: [...values], ...(name === undefined ? {} : { name }) };
}

/** Refused, cut, or not ready yet: the server is away, and what was asked says nothing about it. */
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  '57P01',
  '57P02',
  '57P03',
  '08006',
]);

export function isConnectionError(error: unknown): boolean {
  if (CONNECTION_CODES.has(systemErrorCode(error) ?? '')) return true;
  return (
    error instanceof Error &&
    /connection terminated|timeout exceeded when trying/i.test(error.message)
  );
}
