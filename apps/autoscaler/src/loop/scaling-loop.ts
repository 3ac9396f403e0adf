import type { Database } from '@nexus/db';
import {
  describeMarket,
  makePlan,
  type CloudServer,
  type ScalingPlan,
  type ScalingPolicy,
} from '@nexus/grid';
import { errorMessage } from '@nexus/kit/errors';
import type { Logger } from '@nexus/kit/logger';

import { applyPlan } from '../apply/apply-plan.ts';
import type { ServerMaker } from '../apply/make-servers.ts';
import type { ScalingRecord } from '../books/scaling-record.ts';
import type { ServerBooks } from '../books/server-books.ts';
import type { Cloud } from '../cloud/cloud.ts';
import { gatherSnapshot } from '../gather/gather-snapshot.ts';
import type { RecentDemand } from '../gather/recent-demand.ts';
import type { ControlPlaneWatch } from './control-plane-watch.ts';

export interface LoopDeps {
  database: Database;
  books: ServerBooks;
  record: ScalingRecord;
  cloud: Cloud;
  maker: ServerMaker;
  watch: ControlPlaneWatch;
  recentDemand: RecentDemand;
  policy: ScalingPolicy;
  bootEstimateMs: number;
  logger: Logger;
  signal: AbortSignal;
  now: () => Date;
}

/** Plans follow each other by this much at least, however much is going on. */
const PAUSE_MS = 250;
/** So much later than it was due, a step has not been slow: this machine slept. */
const SLEPT_TICKS = 6;
/** What is under way is looked after this often. */
const UNSETTLED_MS = 2000;

/**
 * Gathers, plans, applies, records: at every tick, and as soon as `poke` says that something has
 * changed. The cloud's own list is read at ticks only, to spare its rate limit; a plan without it
 * makes and drains servers, but sweeps nothing.
 */
export class ScalingLoop {
  readonly #deps: LoopDeps;
  #isPoked = false;
  /** Something is under way in the cloud of which nobody will send word. */
  #isUnsettled = false;
  #wake: () => void = () => undefined;
  #notices = '';
  #steppedAtMs = 0;

  constructor(deps: LoopDeps) {
    this.#deps = deps;
  }

  poke(): void {
    this.#isPoked = true;
    this.#wake();
  }

  /** Ends when the signal says so. A step that fails is tried again at the next tick. */
  async run(): Promise<void> {
    const { signal, logger, policy } = this.#deps;
    let nextTickMs = 0;
    while (!signal.aborted) {
      const isTick = Date.now() >= nextTickMs;
      if (isTick) nextTickMs = Date.now() + policy.tickMs;
      this.#isPoked = false;
      try {
        await this.step(isTick);
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'a scaling step failed');
      }
      await this.#pause(PAUSE_MS);
      if (this.#isPoked) continue;
      const untilTickMs = nextTickMs - Date.now();
      await this.#pause(this.#isUnsettled ? Math.min(UNSETTLED_MS, untilTickMs) : untilTickMs);
    }
  }

  /** One plan and what it asks for; with the cloud's own list if it is a tick. */
  async step(isTick: boolean): Promise<void> {
    const { database, books, record, cloud, watch, recentDemand, policy, signal } = this.#deps;
    const now = this.#deps.now();
    if (now.getTime() - this.#steppedAtMs > SLEPT_TICKS * policy.tickMs) watch.interrupted();
    this.#steppedAtMs = now.getTime();
    if (isTick) await watch.look(signal);
    const listed = isTick ? await this.#list() : null;
    const running = (listed ?? []).filter((server) => server.status === 'running');
    await books.noteProgress(running.map((server) => server.cloudId));
    const snapshot = await gatherSnapshot(
      database,
      {
        cloud: listed,
        offers: await cloud.offers(now),
        refusals: await record.readRefusals(),
        committedMicros: await books.readCommitted(now),
        listeningSince: watch.listeningSince,
        recentDemand,
        bootEstimateMs: this.#deps.bootEstimateMs,
        serverOffers: policy.serverOffers,
      },
      now,
    );
    this.#isUnsettled = snapshot.servers.some(
      ({ state }) => state === 'deleting' || state === 'intended',
    );
    const plan = makePlan(snapshot, policy, now.getTime());
    const market = describeMarket({ snapshot, policy, nowMs: now.getTime() });
    await record.writePlan(plan, market, now);
    this.#tell(plan);
    await applyPlan(this.#deps, plan, snapshot);
    // What was done changes why others wait, and until when.
    if (plan.actions.length > 0) this.#isPoked = true;
  }

  async #list(): Promise<CloudServer[] | null> {
    try {
      return await this.#deps.cloud.list();
    } catch (error) {
      if (!this.#deps.signal.aborted)
        this.#deps.logger.warn({ reason: errorMessage(error) }, 'could not list the servers');
      return null;
    }
  }

  /** Each notice once, until something changes. */
  #tell({ notices }: ScalingPlan): void {
    const told = JSON.stringify(notices);
    if (told === this.#notices) return;
    this.#notices = told;
    for (const { code, message } of notices) this.#deps.logger.warn({ code }, message);
  }

  #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#deps.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#deps.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#deps.signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }
}
