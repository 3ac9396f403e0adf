import type { Lease } from '@nexus/grid/contract';

import { choose, claimFrom, type Chosen, type ClaimRequest } from './claim.ts';
import { lockBatches } from './locks.ts';
import {
  batchesOf,
  takeReports,
  type Report,
  type ReportDeps,
  type ReportOutcome,
} from './report.ts';

/** One worker's call: what it reports, and what it would take on. */
export interface Turn {
  report: Report;
  claim: ClaimRequest | undefined;
}

export interface TurnOutcome {
  reported: ReportOutcome;
  leases: Lease[];
}

interface WaitingTurn {
  turn: Turn;
  resolve(outcome: TurnOutcome): void;
  reject(error: unknown): void;
}

const MAX_TOGETHER = 16;

/**
 * Workers' calls, taken in groups: all that come up while one transaction is out go into the next one.
 * Reporting and claiming under one lock and one commit costs half of what two cost, and calls that
 * would only wait for each other's row locks share one instead.
 */
export class Turns {
  readonly #deps: ReportDeps;
  #waiting: WaitingTurn[] = [];
  #isRunning = false;

  constructor(deps: ReportDeps) {
    this.#deps = deps;
  }

  take(turn: Turn): Promise<TurnOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ turn, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) await this.#takeGroup(this.#waiting.splice(0, MAX_TOGETHER));
    this.#isRunning = false;
  }

  async #takeGroup(group: readonly WaitingTurn[]): Promise<void> {
    try {
      const outcomes = await this.#transact(group.map((waiting) => waiting.turn));
      for (const [position, outcome] of outcomes.entries()) group[position]?.resolve(outcome);
    } catch (error) {
      const [first] = group;
      if (group.length === 1) return first?.reject(error);
      // One call's fault must not fail the others: each again by itself.
      for (const waiting of group) await this.#takeGroup([waiting]);
    }
  }

  async #transact(turns: readonly Turn[]): Promise<TurnOutcome[]> {
    const { database, blobs } = this.#deps;
    const chosen = await Promise.all(
      turns.map(({ claim }) => (claim ? choose(database, claim) : NO_BATCHES)),
    );
    const batchIds = [
      ...turns.flatMap(({ report }) => batchesOf(report)),
      ...chosen.flat().map((batch) => batch.id),
    ];
    if (batchIds.length === 0) return turns.map(() => ({ reported: NOTHING_REPORTED, leases: [] }));
    return database.transaction(async (tx) => {
      await lockBatches(tx, batchIds);
      const reported = await takeReports(
        tx,
        blobs,
        turns.map(({ report }) => report),
      );
      const outcomes: TurnOutcome[] = [];
      for (const [position, { claim }] of turns.entries()) {
        const leases = claim ? await claimFrom(tx, claim, chosen[position] ?? []) : [];
        outcomes.push({ reported: reported[position] ?? NOTHING_REPORTED, leases });
      }
      return outcomes;
    });
  }
}

const NO_BATCHES: Promise<Chosen[]> = Promise.resolve([]);

const NOTHING_REPORTED: ReportOutcome = { results: [], batchIds: [], isQueueChanged: false };
