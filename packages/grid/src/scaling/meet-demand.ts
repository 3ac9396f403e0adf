import { worstCaseOfNewMicros } from './budget.ts';
import { orderedMachine, serverMachine, type Situation } from './fleet.ts';
import { hourlyMicros, startedHours } from './hours.ts';
import { chooseOffer, type Choice, type FreshServer } from './offers.ts';
import { canServe } from './packing.ts';
import type { Machine } from './run-queue.ts';
import type { DemandGroup, Server } from './snapshot.ts';
import { forecastWaits, type Forecast, type GroupForecast } from './waits.ts';

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
        readonly code: OrderCode;
      };
}

type OrderCode = 'queue_depth' | 'max_wait' | 'nothing_serves';

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
  supply.useHoursInParallel();
  return supply;
}

class Supplier implements Supply {
  readonly additions: Addition[] = [];
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
      const trouble = this.#findTrouble();
      if (trouble === null) return;
      const addition = this.#propose(trouble);
      if (addition === null) continue;
      const forecast = this.#forecastWith(addition);
      if (isBetter(forecast, this.forecast)) this.#accept(addition, forecast);
      else this.obstacles.set(trouble.group, { kind: 'too_late' });
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
    this.#goBackTo(best.additions);
    // Whatever stopped this was no obstacle to what the group needs.
    this.obstacles.delete(group);
  }

  #findTrouble(): { group: number; code: OrderCode } | null {
    const { queueDepth } = this.#situation.policy;
    const open = [...this.forecast.groups.entries()].filter(
      ([index]) => !this.obstacles.has(index),
    );
    const stranded = open.find(([, group]) => group.stranded > 0);
    if (stranded) return { group: stranded[0], code: 'nothing_serves' };
    const late = open.find(([, group]) => group.late > 0);
    if (late) return { group: late[0], code: 'max_wait' };
    const slow = open.reduce((sum, [, group]) => sum + group.slow, 0);
    const slowest = open.toSorted(([, a], [, b]) => b.slow - a.slow)[0];
    if (slowest === undefined || slow < queueDepth) return null;
    return { group: slowest[0], code: 'queue_depth' };
  }

  #propose(trouble: { group: number; code: OrderCode }): Addition | null {
    const ask = this.#demand(trouble.group);
    const found = this.#standby.find((server) => canServe(ask, server));
    if (found === undefined) return this.#order(trouble);
    this.#standby.splice(this.#standby.indexOf(found), 1);
    const machine = serverMachine(found, this.#situation);
    return { machine, source: { kind: 'standby', server: found } };
  }

  #order({ group, code }: { group: number; code: OrderCode }): Addition | null {
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
    const added = [...this.additions, addition].map(({ machine }) => machine);
    return forecastWaits([...this.#means.machines, ...added], this.#situation);
  }

  #goBackTo(additions: readonly Addition[]): void {
    if (additions.length === this.additions.length) return;
    this.additions.splice(additions.length);
    const machines = [...this.#means.machines, ...additions.map(({ machine }) => machine)];
    this.forecast = forecastWaits(machines, this.#situation);
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

/** Fewer that wait too long; where that is equal, less waiting in all. */
function isBetter(a: Forecast, b: Forecast): boolean {
  const [one, other] = [badness(a), badness(b)];
  return one === other ? totalWaitMs(a) < totalWaitMs(b) : one < other;
}

function badness({ groups }: Forecast): number {
  return sum(groups, (group) => group.stranded + group.late + group.slow);
}

function totalWaitMs({ groups }: Forecast): number {
  return sum(groups, (group) => group.waitMs);
}

function sum(groups: readonly GroupForecast[], value: (group: GroupForecast) => number): number {
  return groups.reduce((total, group) => total + value(group), 0);
}
