import { loadSql, type Database, type Queryable } from '@nexus/db';
import type { Architecture, CreateAction } from '@nexus/grid';

const committedSql = loadSql(import.meta.url, './committed.sql');

export interface Intent {
  id: string;
  name: string;
  architecture: Architecture;
  cpus: number;
  memoryBytes: number;
  joinSecretHash: Buffer;
  joinUntil: Date;
  queuedSince: Date | null;
}

export interface OpenIntent {
  id: string;
  name: string;
  serverType: string;
  location: string;
  architecture: Architecture;
  slots: number;
}

/** What the hard limits are, for the transaction that writes an intent. */
export interface Caps {
  maxWorkers: number;
  budgetMicrosPerMonth: number | null;
  /** What living servers may still cost, as the plan said. */
  reservedMicros: number;
  /** The budget is that of this month. */
  now: Date;
}

export type IntentResult = 'intended' | 'max_workers' | 'budget';

/** The table of servers: every change of state goes through here, each one guarded by the state before. */
export class ServerBooks {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Writes an intent, unless count or money are used up: checked in the same transaction, by the only writer. */
  intend(intent: Intent, action: CreateAction, caps: Caps): Promise<IntentResult> {
    return this.#database.transaction(async (tx) => {
      const [living] = await tx.query<{ count: number }>(
        "select count(*) from servers where state <> 'gone'",
      );
      if ((living?.count ?? 0) >= caps.maxWorkers) return 'max_workers';
      if (caps.budgetMicrosPerMonth !== null) {
        const committed = await readCommitted(tx, caps.now);
        const atWorst = committed + caps.reservedMicros + action.reserveMicros;
        if (atWorst > caps.budgetMicrosPerMonth) return 'budget';
      }
      await tx.query(
        `insert into servers (id, name, server_type, location, architecture, cpus, memory_bytes, slots,
           price_micros_per_hour, ipv4_micros_per_hour, join_secret_hash, join_until, reason, queued_since)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
        [
          ...[intent.id, intent.name, action.serverType, action.location, intent.architecture],
          ...[intent.cpus, intent.memoryBytes, action.slots],
          ...[action.priceMicrosPerHour, action.ipv4MicrosPerHour],
          ...[intent.joinSecretHash, intent.joinUntil, action.reason, intent.queuedSince],
        ],
      );
      return 'intended';
    });
  }

  /** An order without an answer so far. */
  async findIntent(id: string): Promise<OpenIntent | undefined> {
    const rows = await this.#database.query<OpenIntent>(
      `select id, name, server_type as "serverType", location, architecture, slots from servers
       where id = $1 and state = 'intended'`,
      [id],
    );
    return rows[0];
  }

  /** The cloud has it. Its worker may have registered before the news of it arrived. */
  async confirm(id: string, cloud: { id: number; createdAt: Date }): Promise<void> {
    await this.#database.query(
      `update servers set cloud_id = $2, created_at = $3,
         state = case when state = 'intended' then 'booting' else state end
       where id = $1 and state <> 'gone'`,
      [id, cloud.id, cloud.createdAt],
    );
  }

  /** The cloud has said no: nothing was made, nothing is owed. */
  async refuse(id: string, reason: string): Promise<void> {
    await this.#database.query(
      `update servers set state = 'gone', gone_at = now(), reason = $2
       where id = $1 and state = 'intended' and cloud_id is null`,
      [id, reason],
    );
  }

  /** Those of which a worker has registered, and those that the cloud has started. */
  async noteProgress(runningCloudIds: readonly string[]): Promise<void> {
    await this.#database.query(
      `update servers s set state = 'active', active_at = w.registered_at
       from workers w where w.server_id = s.id and s.state in ('intended', 'booting') and w.state <> 'gone'`,
    );
    if (runningCloudIds.length === 0) return;
    await this.#database.query(
      `update servers set running_at = now()
       where running_at is null and cloud_id = any($1::bigint[]) and state <> 'gone'`,
      [runningCloudIds],
    );
  }

  async drain(id: string, reason: string): Promise<void> {
    await this.#database.query(
      "update servers set state = 'draining', reason = $2 where id = $1 and state = 'active'",
      [id, reason],
    );
  }

  async resume(id: string, reason: string): Promise<void> {
    await this.#database.query(
      "update servers set state = 'active', reason = $2 where id = $1 and state = 'draining'",
      [id, reason],
    );
  }

  /**
   * To deleting, for good; false if it holds leases. Claims lock the row too, so that none is given
   * out between the look and the decision.
   */
  condemn(id: string, reason: string): Promise<boolean> {
    return this.#database.transaction(async (tx) => {
      await tx.query('select 1 from servers where id = $1 for update', [id]);
      const condemned = await tx.query(
        `update servers s set state = 'deleting', delete_tries = delete_tries + 1, delete_tried_at = now(),
           reason = case when s.state = 'deleting' then s.reason else $2 end
         where s.id = $1 and s.state <> 'gone' and (s.state = 'deleting' or not exists (
           select 1 from executions e join workers w on w.id = e.worker_id
           where w.server_id = s.id and e.state in ('leased', 'running', 'publishing')))
         returning s.id`,
        [id, reason],
      );
      return condemned.length > 0;
    });
  }

  /** The cloud is at it: this action will know when it was done. */
  async noteDeletion(id: string, actionId: number): Promise<void> {
    await this.#database.query(
      "update servers set delete_action_id = $2 where id = $1 and state <> 'gone'",
      [id, actionId],
    );
  }

  async findDeletion(id: string): Promise<number | null> {
    const [row] = await this.#database.query<{ actionId: number | null }>(
      'select delete_action_id as "actionId" from servers where id = $1',
      [id],
    );
    return row?.actionId ?? null;
  }

  /** The cloud has it no more, since then if it said so. */
  async close(id: string, deletedAt: Date | null): Promise<void> {
    await this.#database.query(
      "update servers set state = 'gone', gone_at = now(), deleted_at = $2 where id = $1 and state <> 'gone'",
      [id, deletedAt],
    );
  }

  readCommitted(now: Date): Promise<number> {
    return readCommitted(this.#database, now);
  }
}

async function readCommitted(db: Queryable, now: Date): Promise<number> {
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()));
  const [row] = await db.query<{ committed: number }>(committedSql, [month, now]);
  return row?.committed ?? 0;
}
