import { worstCaseOfNewMicros } from './budget.ts';
import { orderedMachine, serverMachine, type Situation } from './fleet.ts';
import { hourlyMicros, startedHours } from './hours.ts';
import { chooseOffer, type Choice, type FreshServer } from './offers.ts';
import { canServe } from './packing.ts';
import type { Machine } from './run-queue.ts';
import type { DemandGroup, Server } from './snapshot.ts';
import {
  findTrouble,
  forecastWaits,
  canSpare,
  isWorth,
  totalWaitMs,
  type Forecast,
  type Trouble,
} from './waits.ts';

/** What there is to work with. */
export interface Means {
  readonly machines: readonly Machine[];
  /** Draining, well, and still there: taking one back is always cheaper than making one. */
  readonly standby: readonly Server[];
  /** How many more servers there may be. */
  readonly room: number;
  /** Null: no limit. */
  readonly budgetLeftMicros: number | null;
}

export interface Addition {
  readonly machine: Machine;
  readonly source:
    | { readonly kind: 'standby'; readonly server: Server }
    | {
        readonly kind: 'order';
        readonly fresh: FreshServer;
        readonly group: number;
        readonly code: Trouble['code'];
      };
}

/** Why a group that should have another server gets none. */
export type Obstacle =
  | { readonly kind: 'max_workers' }
  | { readonly kind: 'budget'; readonly neededMicros: number }
  | { readonly kind: 'account_refused'; readonly untilMs: number; readonly reason: string }
  | Exclude<Choice, { kind: 'found' }>
  /** It would be up when the queue has drained. */
  | { readonly kind: 'too_late' };

export interface Supply {
  readonly additions: readonly Addition[];
  readonly forecast: Forecast;
  /** By the index of the group. */
  readonly obstacles: ReadonlyMap<number, Obstacle>;
  /** By the index of the group: the choice that its last order rests on. */
  readonly choices: ReadonlyMap<number, Choice>;
}

/**
 * Adds servers one by one, while that gets executions to start that would otherwise wait too long:
 * the fewest with which no wait is too long, and then as many as the same started hours pay for.
 */
export function meetDemand(means: Means, situation: Situation): Supply {
  const supply = new Supplier(means, situation);
  supply.shortenWaits();
  supply.leaveDraining();
  supply.useHoursInParallel();
  return supply;
}

class Supplier implements Supply {
  additions: Addition[] = [];
  readonly obstacles = new Map<number, Obstacle>();
  readonly choices = new Map<number, Choice>();
  forecast: Forecast;
  readonly #means: Means;
  readonly #situation: Situation;
  readonly #standby: Server[];
  #ordered = 0;
  #orderedMicros = 0;

  constructor(means: Means, situation: Situation) {
    this.#means = means;
    this.#situation = situation;
    this.#standby = [...means.standby];
    this.forecast = forecastWaits(means.machines, situation);
  }

  shortenWaits(): void {
    for (;;) {
      const trouble = findTrouble(this.forecast, this.#situation, this.obstacles);
      if (trouble === null) return;
      const addition = this.#propose(trouble);
      if (addition === null) continue;
      const forecast = this.#forecastWith(addition);
      if (isWorth(forecast, this.forecast, this.#situation)) this.#accept(addition, forecast);
      // A draining server that does not help is no reason not to try another.
      else if (addition.source.kind === 'order')
        this.obstacles.set(trouble.group, { kind: 'too_late' });
    }
  }

  /** What was taken back first may not be needed any more beside what was ordered after it. */
  leaveDraining(): void {
    for (const addition of this.additions.filter(({ source }) => source.kind === 'standby')) {
      const rest = this.additions.filter((other) => other !== addition);
      const without = this.#forecastOf(rest);
      if (!canSpare(without, this.forecast, this.#situation)) continue;
      this.additions = rest;
      this.forecast = without;
    }
  }

  /** A queue of many hours costs the same on more servers for fewer hours each, and waits less. */
  useHoursInParallel(): void {
    const last = this.additions.findLast(({ source }) => source.kind === 'order');
    if (last?.source.kind !== 'order') return;
    const { group, code, fresh } = last.source;
    const budgetMicros = this.#costMicros(this.forecast);
    const best = { additions: [...this.additions], waitMs: totalWaitMs(this.forecast) };
    // Each costs an hour at least. Three may cost more than two and four the same, so all are tried.
    while ((this.#ordered + 1) * hourlyMicros(fresh.offer) <= budgetMicros) {
      const addition = this.#order({ group, code });
      if (addition === null) break;
      this.#accept(addition, this.#forecastWith(addition));
      const waitMs = totalWaitMs(this.forecast);
      if (this.#costMicros(this.forecast) > budgetMicros || waitMs >= best.waitMs) continue;
      Object.assign(best, { additions: [...this.additions], waitMs });
    }
    if (best.additions.length < this.additions.length) {
      this.additions = best.additions;
      this.forecast = this.#forecastOf(best.additions);
    }
    // Whatever stopped this was no obstacle to what the group needs.
    this.obstacles.delete(group);
  }

  #propose(trouble: Trouble): Addition | null {
    const ask = this.#demand(trouble.group);
    const found = this.#standby.find((server) => canServe(ask, server));
    if (found === undefined) return this.#order(trouble);
    this.#standby.splice(this.#standby.indexOf(found), 1);
    const machine = serverMachine(found, this.#situation);
    return { machine, source: { kind: 'standby', server: found } };
  }

  #order({ group, code }: Trouble): Addition | null {
    const { snapshot, policy, nowMs } = this.#situation;
    const choice = chooseOffer(this.#demand(group), { market: snapshot, policy }, nowMs);
    const obstacle = this.#findObstacle(choice);
    if (obstacle !== null || choice.kind !== 'found') {
      this.obstacles.set(group, obstacle ?? { kind: 'none_fits' });
      return null;
    }
    this.choices.set(group, choice);
    const machine = orderedMachine(`ordered-${this.#ordered}`, choice.server, this.#situation);
    return { machine, source: { kind: 'order', fresh: choice.server, group, code } };
  }

  #findObstacle(choice: Choice): Obstacle | null {
    const { snapshot, nowMs } = this.#situation;
    // First what more money or patience would not change.
    if (choice.kind !== 'found') return choice;
    if (this.#ordered >= this.#means.room) return { kind: 'max_workers' };
    const neededMicros = worstCaseOfNewMicros(choice.server.offer, this.#situation);
    const { budgetLeftMicros } = this.#means;
    if (budgetLeftMicros !== null && this.#orderedMicros + neededMicros > budgetLeftMicros)
      return { kind: 'budget', neededMicros };
    const { account } = snapshot.refusals;
    if (account === null || account.untilMs <= nowMs) return null;
    return { kind: 'account_refused', ...account };
  }

  #accept(addition: Addition, forecast: Forecast): void {
    this.additions.push(addition);
    this.forecast = forecast;
    if (addition.source.kind === 'standby') return;
    this.#ordered += 1;
    this.#orderedMicros += worstCaseOfNewMicros(addition.source.fresh.offer, this.#situation);
  }

  #forecastWith(addition: Addition): Forecast {
    return this.#forecastOf([...this.additions, addition]);
  }

  #forecastOf(additions: readonly Addition[]): Forecast {
    const added = additions.map(({ machine }) => machine);
    return forecastWaits([...this.#means.machines, ...added], this.#situation);
  }

  /** Of the started hours of the servers that would be ordered, until the queue has drained. */
  #costMicros({ placements }: Forecast): number {
    const { nowMs } = this.#situation;
    return this.additions.reduce((sum, { machine, source }) => {
      if (source.kind === 'standby') return sum;
      const ends = placements.flatMap((placed) =>
        placed.machineId === machine.id ? [placed.endAtMs] : [],
      );
      const lifeMs = Math.max(nowMs, ...ends) - nowMs;
      return sum + startedHours(lifeMs) * hourlyMicros(source.fresh.offer);
    }, 0);
  }

  #demand(group: number): DemandGroup {
    const found = this.#situation.snapshot.demand[group];
    if (found === undefined) throw new RangeError(`no demand group ${group}`);
    return found;
  }
}
