import type { Database } from '@nexus/db';
import { randomId } from '@nexus/kit/ids';

export interface AttemptGiven {
  leasedAtMs: number;
  endedAtMs: number;
  /** Null: it still runs. */
  outcome: string | null;
  provisionalMicros: number;
  /** Another try of the execution before it, wherever that ran. */
  again?: boolean;
}

export interface ServerGiven {
  /** Null: the books never heard of it. */
  createdAtMs: number | null;
  /** Null: the server lives. */
  endAtMs: number | null;
  registeredAtMs: number | null;
  slots: number;
  priceMicrosPerHour: number;
  ipv4MicrosPerHour: number;
  attempts: readonly AttemptGiven[];
}

interface BillRow {
  totalMicros: number;
  executionsMicros: number;
  bootMicros: number;
  idleMicros: number;
  ipv4Micros: number;
}

/** Servers and what ran on them, written straight into the tables: years of a grid in a moment. */
export class GridBooks {
  readonly #database: Database;
  readonly #accountId: string;
  #batchId = '';
  #executions = 0;
  #epoch = 0;
  #servers = 0;

  constructor(database: Database, account: { id: string }) {
    this.#database = database;
    this.#accountId = account.id;
  }

  /** Empty, but for a batch of the account. */
  async clear(): Promise<void> {
    for (const table of ['batches', 'workers', 'servers'])
      await this.#database.query(`delete from ${table}`);
    this.#batchId = randomId();
    this.#executions = 0;
    await this.#database.query(
      `insert into batches (id, account_id, key_id, spec, project_sha256, masked, metadata, retries, priority,
         parallel, cpus, memory_bytes, requires)
       select $1, $2, k.id, '{"script": "main.py"}', '', '{}', '{}', 0, 0, 10, 1, 1, '{}'
       from api_keys k where k.account_id = $2 limit 1`,
      [this.#batchId, this.#accountId],
    );
  }

  async addServer(given: ServerGiven): Promise<{ serverId: string; executionIds: string[] }> {
    const serverId = randomId();
    this.#servers += 1;
    const { createdAtMs, endAtMs, registeredAtMs, slots } = given;
    await this.#database.query(
      `insert into servers (id, name, state, server_type, location, architecture, cpus, memory_bytes, slots,
         price_micros_per_hour, ipv4_micros_per_hour, join_secret_hash, join_until, reason, cloud_id, created_at,
         intended_at, gone_at)
       values ($1, $1, $2, 'cx23', 'fsn1', 'x86', 2, 4e9, $3, $4, $5, '\\x00', now(), 'for a test', $6, $7, $8, $9)`,
      [
        ...[serverId, endAtMs === null ? 'active' : 'gone', slots],
        ...[given.priceMicrosPerHour, given.ipv4MicrosPerHour],
        ...[createdAtMs === null ? null : this.#servers, dateOrNull(createdAtMs)],
        ...[new Date(createdAtMs ?? registeredAtMs ?? 0), dateOrNull(endAtMs)],
      ],
    );
    if (registeredAtMs === null) return { serverId, executionIds: [] };
    const workerId = await this.#addWorker(serverId, given);
    const executionIds: string[] = [];
    for (const attempt of given.attempts)
      executionIds.push(await this.#addAttempt(workerId, attempt));
    return { serverId, executionIds };
  }

  async #addWorker(
    serverId: string,
    { registeredAtMs, slots, endAtMs }: ServerGiven,
  ): Promise<string> {
    const id = randomId();
    await this.#database.query(
      `insert into workers (id, name, secret_hash, state, slots, cpus, memory_bytes, drivers, runtimes, server_id,
         registered_at)
       values ($1, 'w', '\\x00', $2, $3, 2, 4e9, '{process}', '{}', $4, $5)`,
      [id, endAtMs === null ? 'active' : 'gone', slots, serverId, dateOrNull(registeredAtMs)],
    );
    return id;
  }

  async #addAttempt(workerId: string, attempt: AttemptGiven): Promise<string> {
    const isNew = !attempt.again || this.#executions === 0;
    if (isNew) this.#executions += 1;
    this.#epoch += 1;
    const index = this.#executions;
    const id = `${this.#batchId}-${index}`;
    const state = attempt.outcome === null ? 'running' : 'succeeded';
    if (isNew) {
      await this.#database.query(
        `insert into executions (id, batch_id, account_id, index, label, args, identity, state, worker_id, version,
           epoch, leased_at, lease_until)
         values ($1, $2, $3, $4, 'x', '[]', 'i', $5, $6, 1, $7, $8, $9)`,
        [
          ...[id, this.#batchId, this.#accountId, index, state, workerId, this.#epoch],
          ...[new Date(attempt.leasedAtMs), new Date(attempt.endedAtMs)],
        ],
      );
    }
    if (attempt.outcome !== null)
      await this.#writeAttempt(id, workerId, { ...attempt, epoch: this.#epoch });
    return id;
  }

  async #writeAttempt(
    executionId: string,
    workerId: string,
    attempt: AttemptGiven & { epoch: number },
  ): Promise<void> {
    const cost = attempt.outcome === 'released' ? 0 : attempt.provisionalMicros;
    await this.#database.query(
      `insert into attempts (execution_id, epoch, worker_id, leased_at, ended_at, outcome, cost_micros)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [
        ...[executionId, attempt.epoch, workerId],
        ...[new Date(attempt.leasedAtMs), new Date(attempt.endedAtMs), attempt.outcome, cost],
      ],
    );
    await this.#database.query(
      'update executions set cost_micros = cost_micros + $2 where id = $1',
      [executionId, cost],
    );
  }

  /** The report that ends what still runs. */
  async endAttempt(executionId: string, endedAtMs: number): Promise<void> {
    await this.#database.query(
      `with ended as (
         update executions set state = 'succeeded', cost_micros = cost_micros + 5 where id = $1 returning *)
       insert into attempts (execution_id, epoch, worker_id, leased_at, ended_at, outcome, cost_micros)
       select id, epoch, worker_id, leased_at, $2, 'succeeded', 5 from ended`,
      [executionId, new Date(endedAtMs)],
    );
  }

  async billOf(serverId: string): Promise<BillRow | undefined> {
    const rows = await this.#database.query<BillRow>(
      `select total_micros as "totalMicros", executions_micros as "executionsMicros", boot_micros as "bootMicros",
         idle_micros as "idleMicros", ipv4_micros as "ipv4Micros" from server_bills where server_id = $1`,
      [serverId],
    );
    return rows[0];
  }

  async costsOf(executionIds: readonly string[]): Promise<number[]> {
    const rows = await this.#database.query<{ cost: number }>(
      `select e.cost_micros as cost from unnest($1::text[]) with ordinality as t (id, place)
       join executions e on e.id = t.id order by t.place`,
      [executionIds],
    );
    return rows.map((row) => row.cost);
  }

  async countBills(): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(
      'select count(*) from server_bills',
    );
    return row?.count ?? 0;
  }

  /** Where the books do not close: reckoned here once more, in SQL alone. */
  findFaults(): Promise<Record<string, unknown>[]> {
    return this.#database.query(
      `select 'server' as what, s.id from servers s join server_bills b on b.server_id = s.id
       where b.total_micros <> b.executions_micros + b.boot_micros + b.idle_micros + b.ipv4_micros
         or b.total_micros <> started_hours(s.created_at, s.gone_at) * (s.price_micros_per_hour + s.ipv4_micros_per_hour)
         or b.executions_micros <> (
           select coalesce(sum(a.cost_micros), 0) from workers w join attempts a on a.worker_id = w.id
           where w.server_id = s.id)
         or least(b.executions_micros, b.boot_micros, b.idle_micros, b.ipv4_micros) < 0
       union all
       select 'execution', e.id from executions e
       where e.cost_micros <> (select coalesce(sum(cost_micros), 0) from attempts where execution_id = e.id)`,
    );
  }
}

function dateOrNull(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
