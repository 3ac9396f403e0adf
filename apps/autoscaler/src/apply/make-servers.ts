import {
  rememberRefusal,
  rememberSuccess,
  type CreateAction,
  type FleetSnapshot,
  type Refusal,
} from '@nexus/grid';
import { HetznerBudgetError, HetznerError, hasCode, type CreateServerResult } from '@nexus/hetzner';
import type { Secret } from '@nexus/kit/config';
import { errorMessage } from '@nexus/kit/errors';
import { randomId } from '@nexus/kit/ids';
import type { Logger } from '@nexus/kit/logger';

import { joinToken } from '../boot/join-secret.ts';
import type { Intent, ServerBooks } from '../books/server-books.ts';
import type { ScalingRecord } from '../books/scaling-record.ts';
import type { Cloud } from '../cloud/cloud.ts';
import { deleteServer } from './delete-server.ts';

export interface MakerOptions {
  books: ServerBooks;
  record: ScalingRecord;
  cloud: Cloud;
  gridName: string;
  /** Join tokens are made from it. */
  secret: Secret;
  caps: { maxWorkers: number; budgetMicrosPerMonth: number | null };
  bootDeadlineMs: number;
  /** Of a server, for its first boot. */
  renderUserData: (server: UserDataRequest) => string;
  /** A create has failed or turned out to be impossible: look again now, not at the next tick. */
  onRefusal: () => void;
  logger: Logger;
  signal: AbortSignal;
  now: () => Date;
}

export interface UserDataRequest {
  name: string;
  architecture: 'x86' | 'arm';
  slots: number;
  joinToken: string;
}

interface Order {
  id: string;
  name: string;
  serverType: string;
  location: string;
  architecture: 'x86' | 'arm';
  slots: number;
}

type Verdict = 'made' | 'unknown' | 'refused';

/** Makes servers: the intent first, then the call, then its outcome, each in the books before the next. */
export class ServerMaker {
  readonly #options: MakerOptions;

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  async create(
    action: CreateAction,
    { snapshot, reservedMicros }: { snapshot: FleetSnapshot; reservedMicros: number },
  ): Promise<void> {
    const { books, caps, logger, signal, now } = this.#options;
    const offer = snapshot.offers.find(
      ({ serverType, location }) =>
        serverType === action.serverType && location === action.location,
    );
    if (!offer)
      throw new Error(
        `a plan orders ${action.serverType} in ${action.location}, which nobody offers`,
      );
    const oldestMs = Math.min(...snapshot.demand.map((group) => group.oldestQueuedAtMs));
    const queuedSince = Number.isFinite(oldestMs) ? new Date(oldestMs) : null;
    // What was written since the plan reserves as much as it does: each one counts for the next.
    let reserved = reservedMicros;
    for (let made = 0; made < action.count; made += 1) {
      signal.throwIfAborted();
      const intent = this.#newIntent({ ...offer, queuedSince });
      const limits = { ...caps, reservedMicros: reserved, now: now() };
      const result = await books.intend(intent, action, limits);
      if (result !== 'intended') {
        logger.warn({ limit: result }, 'no more servers: a limit is reached');
        return;
      }
      reserved += action.reserveMicros;
      const { serverType, location, slots } = action;
      const verdict = await this.#order({ ...intent, serverType, location, slots });
      if (verdict !== 'made') return this.#options.onRefusal();
    }
  }

  /** Sends an order again that has had no answer. */
  async retry(serverId: string): Promise<void> {
    const order = await this.#options.books.findIntent(serverId);
    if (order && (await this.#order(order)) !== 'made') this.#options.onRefusal();
  }

  #newIntent(offer: {
    architecture: 'x86' | 'arm';
    cpus: number;
    memoryBytes: number;
    queuedSince: Date | null;
  }): Intent {
    const { gridName, secret, bootDeadlineMs, now } = this.#options;
    const id = randomId();
    const { architecture, cpus, memoryBytes, queuedSince } = offer;
    return {
      ...{ id, architecture, cpus, memoryBytes, queuedSince },
      name: `rgrid-${gridName}-${id}`,
      joinSecretHash: joinToken(secret, id).secretHash,
      // An order may be sent again until the boot deadline, and has that long again to boot.
      joinUntil: new Date(now().getTime() + 2 * bootDeadlineMs),
    };
  }

  async #order(order: Order): Promise<Verdict> {
    const { cloud, secret, renderUserData, signal, logger } = this.#options;
    const { name, serverType, location, architecture, slots } = order;
    const { text } = joinToken(secret, order.id);
    const userData = renderUserData({ name, architecture, slots, joinToken: text });
    try {
      const result = await cloud.create({ name, serverType, location, userData }, signal);
      return await this.#settle(order, result);
    } catch (error) {
      signal.throwIfAborted();
      // What is not the cloud's fault says nothing of the next orders.
      if (!(error instanceof HetznerError)) throw error;
      logger.warn({ err: error, server: name }, 'no clear answer to a create call');
      await this.#remember(toRefusal(order, error));
      return 'unknown';
    }
  }

  async #settle(order: Order, result: CreateServerResult): Promise<Verdict> {
    const { books, logger } = this.#options;
    if (result.kind === 'refused') {
      const { reason, error } = result;
      await books.refuse(order.id, error.message);
      await this.#remember(toRefusal(order, error, reason));
      logger.warn({ server: order.name, reason, err: error }, 'the cloud refused a server');
      return 'refused';
    }
    const { server } = result;
    await books.confirm(order.id, { id: server.id, createdAt: server.createdAt });
    await this.#recall(order);
    logger.info({ server: order.name, cloudId: server.id, how: result.kind }, 'server made');
    void this.#watch(order, result);
    return 'made';
  }

  /** A server one of whose actions failed will never be any good, and bills. */
  async #watch(
    order: Order,
    created: Extract<CreateServerResult, { kind: 'created' | 'adopted' }>,
  ): Promise<void> {
    const { books, cloud, signal, bootDeadlineMs, logger } = this.#options;
    try {
      const deadline = new Date(Date.now() + bootDeadlineMs);
      const failure = await cloud.findFailure(created, { signal, deadline });
      if (failure === null) return;
      logger.warn({ server: order.name, failure }, 'a server could not be made');
      if (!(await books.condemn(order.id, failure))) return;
      const { id: cloudId, name } = created.server;
      await deleteServer({ books, cloud, logger }, { serverId: order.id, cloudId, name });
      this.#options.onRefusal();
    } catch (error) {
      // Its boot deadline will tell.
      if (!signal.aborted)
        logger.warn({ err: error, server: order.name }, 'could not watch a boot');
    }
  }

  async #remember(refusal: Refusal): Promise<void> {
    const { record, now } = this.#options;
    const memory = await record.readRefusals();
    await record.writeRefusals(rememberRefusal(memory, refusal, now().getTime()));
  }

  async #recall(cell: { serverType: string; location: string }): Promise<void> {
    const { record } = this.#options;
    const memory = await record.readRefusals();
    if (memory.account === null && memory.cells.length === 0) return;
    await record.writeRefusals(rememberSuccess(memory, cell));
  }
}

/** What a failed create says of the next ones. */
function toRefusal(
  { serverType, location }: { serverType: string; location: string },
  error: unknown,
  reason?: 'sold_out' | 'not_offered' | 'account_limit' | 'name_taken',
): Refusal {
  const said = errorMessage(error);
  if (reason === 'sold_out' || reason === 'not_offered')
    return { kind: 'cell', serverType, location, reason: wordsOf(reason, error) };
  const isLasting =
    reason === 'account_limit' || hasCode(error, 'unauthorized', 'forbidden', 'token_readonly');
  if (isLasting) return { kind: 'account', reason: said };
  const isBudget = error instanceof HetznerBudgetError || hasCode(error, 'rate_limit_exceeded');
  return {
    kind: 'passing',
    reason: isBudget ? 'the rate limit of the cloud API is used up' : said,
  };
}

function wordsOf(reason: 'sold_out' | 'not_offered', error: unknown): string {
  if (reason === 'sold_out') return 'sold out';
  return `not offered: ${errorMessage(error)}`;
}
