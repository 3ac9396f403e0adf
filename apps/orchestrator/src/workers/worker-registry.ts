import type { Database } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';
import { randomId } from '@nexus/kit/ids';
import { createToken, isSecretValid, parseToken } from '@nexus/kit/tokens';
import type { RegisterRequest, Worker } from '@nexus/grid/contract';

import { redeemJoinToken } from './join-tokens.ts';
import { redeemServerToken, type JoinedServer } from './server-tokens.ts';

export interface WorkerIdentity {
  id: string;
  slots: number;
  cpus: number;
  memoryBytes: number;
  priceMicrosPerHour: number;
  offers: string[];
  /** The rented server it runs on; null: a machine that is always there. */
  serverId: string | null;
}

const WORKER_KIND = 'worker';

export class WorkerRegistry {
  readonly #database: Database;
  /** By token. A worker's row never changes in what is kept here, and one that is gone registers anew. */
  readonly #known = new Map<string, WorkerIdentity>();

  constructor(database: Database) {
    this.#database = database;
  }

  async register(request: RegisterRequest): Promise<{ id: string; token: string }> {
    const server = await this.#joinServer(request);
    if (!server) await redeemJoinToken(this.#database, request.joinToken);
    const token = createToken(WORKER_KIND, randomId());
    const inserted = await this.#database.query(
      `insert into workers (id, name, secret_hash, state, slots, cpus, memory_bytes, drivers, runtimes, server_id,
         price_micros_per_hour)
       values ($1, $2, $3, 'active', $4, $5, $6, $7, $8, $9, $10)
       on conflict (server_id) where state <> 'gone' and server_id is not null do nothing returning id`,
      [
        ...[
          token.id,
          request.name,
          token.secretHash,
          request.slots,
          request.cpus,
          request.memoryBytes,
        ],
        ...[request.drivers, request.runtimes, server?.id ?? null, server?.priceMicrosPerHour ?? 0],
      ],
    );
    if (inserted.length === 0) throw new AppError('unauthorized', 'the join token was used');
    return { id: token.id, token: token.text };
  }

  /** A server's token is good for its one worker, and for the process that replaces it there. */
  async #joinServer({
    joinToken,
    previousToken,
  }: RegisterRequest): Promise<JoinedServer | undefined> {
    const previous =
      previousToken === undefined
        ? undefined
        : await this.#find(previousToken).catch(() => undefined);
    const server = await redeemServerToken(this.#database, joinToken, previous?.serverId ?? null);
    // Here, and not with the other previous workers: by then this one is no longer found.
    if (server && previous?.serverId === server.id) await this.#end(previous.id);
    return server;
  }

  async authenticate(authorization: string | undefined): Promise<WorkerIdentity> {
    return this.#find(/^Bearer (\S+)$/i.exec(authorization ?? '')?.[1] ?? '');
  }

  async #find(text: string): Promise<WorkerIdentity> {
    const known = this.#known.get(text);
    if (known) return known;
    const token = parseToken(WORKER_KIND, text);
    if (!token) throw new AppError('unauthorized', 'the worker token is missing or wrong');
    const rows = await this.#database.query<
      WorkerIdentity & { secretHash: Buffer; drivers: string[] }
    >(
      `select id, slots, cpus, memory_bytes as "memoryBytes", price_micros_per_hour as "priceMicrosPerHour",
         drivers, secret_hash as "secretHash", server_id as "serverId"
       from workers where id = $1 and state <> 'gone'`,
      [token.id],
    );
    const row = rows[0];
    if (!row || !isSecretValid(token.secret, row.secretHash)) {
      throw new AppError('unauthorized', 'the worker is not registered; it must register again');
    }
    const { id, slots, cpus, memoryBytes, priceMicrosPerHour, drivers, serverId } = row;
    const offers = drivers.map((driver) => `driver:${driver}`);
    const identity = { id, slots, cpus, memoryBytes, priceMicrosPerHour, offers, serverId };
    this.#known.set(text, identity);
    return identity;
  }

  /** Workers that stopped answering are forgotten; their leases expire on their own. Returns how many. */
  async sweep(silentMs: number): Promise<number> {
    const gone = await this.#database.query<{ id: string }>(
      `update workers set state = 'gone'
       where state <> 'gone' and heartbeat_at < now() - $1 * interval '1 millisecond' returning id`,
      [silentMs],
    );
    const ids = new Set(gone.map((row) => row.id));
    for (const [text, identity] of this.#known) if (ids.has(identity.id)) this.#known.delete(text);
    return gone.length;
  }

  /** A worker that was replaced: it will not come back, so its leases end now. Unknown tokens are passed over. */
  async retire(tokenText: string): Promise<void> {
    const worker = await this.#find(tokenText).catch(() => undefined);
    if (worker) await this.#end(worker.id);
  }

  async #end(workerId: string): Promise<void> {
    await this.leave(workerId);
    await this.#database.query(
      `update executions set lease_until = '-infinity' where id in (
         select id from executions where worker_id = $1 and state in ('leased', 'running', 'publishing')
         order by id for no key update
       )`,
      [workerId],
    );
  }

  async leave(workerId: string): Promise<void> {
    await this.#database.query("update workers set state = 'gone' where id = $1", [workerId]);
    for (const [text, identity] of this.#known)
      if (identity.id === workerId) this.#known.delete(text);
  }
}

interface WorkerRow extends Omit<Worker, 'registeredAt' | 'heartbeatAt' | 'server'> {
  registeredAt: Date;
  heartbeatAt: Date;
  serverType: string | null;
  location: string;
  paidUntil: Date | null;
}

/** Workers that are here, with how many executions each holds. */
export async function listWorkers(database: Database): Promise<Worker[]> {
  const rows = await database.query<WorkerRow>(
    `select w.id, w.name, case when s.state in ('draining', 'deleting') then 'draining' else w.state end as state, w.slots, w.cpus, w.memory_bytes as "memoryBytes", w.drivers, w.runtimes,
       w.price_micros_per_hour as "priceMicrosPerHour", w.registered_at as "registeredAt",
       w.heartbeat_at as "heartbeatAt", s.server_type as "serverType", s.location,
       paid_until(s.created_at, now()) as "paidUntil",
       (select count(*) from executions e where e.worker_id = w.id
         and e.state in ('leased', 'running', 'publishing')) as busy
     from workers w left join servers s on s.id = w.server_id
     where w.state <> 'gone' and s.state is distinct from 'gone' order by w.name, w.id`,
  );
  return rows.map(({ serverType, location, paidUntil, ...row }) => ({
    ...row,
    server:
      serverType === null
        ? null
        : { serverType, location, paidUntil: paidUntil?.toISOString() ?? null },
    registeredAt: row.registeredAt.toISOString(),
    heartbeatAt: row.heartbeatAt.toISOString(),
  }));
}
