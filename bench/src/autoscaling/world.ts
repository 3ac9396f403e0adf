import { EventQueue, startedHours } from '@nexus/grid';

import type { Random } from './random.ts';
import type { Arrival } from './traces.ts';

/** The same for all: a CX23 with its IPv4, two slots, and at most ten of them. */
export const SLOTS = 2;
export const MOST_SERVERS = 10;
export const MICROS_PER_HOUR = 9600;

export interface Execution extends Arrival {
  readonly id: number;
  startAtMs: number;
}

export interface SimulatedServer {
  readonly id: string;
  readonly createdAtMs: number;
  /** Of the last boot: a server that was switched off boots again. */
  bootedAtMs: number;
  state: 'booting' | 'up' | 'off' | 'deleted';
  /** Takes nothing new. */
  isDraining: boolean;
  /** Executions it may still take before it switches itself off; Infinity for most. */
  usesLeft: number;
  idleSinceMs: number;
  readonly running: Set<Execution>;
}

/** What an autoscaler sees. */
export interface View {
  readonly nowMs: number;
  readonly queued: readonly Execution[];
  /** All that bill. */
  readonly servers: readonly SimulatedServer[];
  /** Ended so far, the latest last. */
  readonly finished: readonly Execution[];
  /** From create call to first use, the latest last. */
  readonly bootsMs: readonly number[];
  /** The most that ran or waited at once in each of the last 60 minutes. */
  readonly recentDemand: readonly number[];
}

export interface Orders {
  readonly create?: number;
  readonly remove?: readonly string[];
  readonly drain?: readonly string[];
  readonly resume?: readonly string[];
  /** Boots a server that is off. */
  readonly restart?: readonly string[];
}

export interface Autoscaler {
  readonly name: string;
  readonly everyMs: number;
  /** Asked at once when work comes in, and after such orders again until it has none. */
  readonly isEventDriven: boolean;
  /** How many executions a server takes before it switches itself off. */
  readonly usesPerBoot: number;
  decide(view: View): Orders;
}

export interface Outcome {
  readonly costMicros: number;
  readonly executions: readonly Execution[];
  readonly hours: number;
  readonly serversMade: number;
}

export interface Setting {
  readonly arrivals: readonly Arrival[];
  readonly bootMs: number;
  readonly random: Random;
}

/** What passes between work coming in and the call to the cloud, where that is not by polling. */
const REACTION_MS = 1000;
const MINUTE = 60_000;

type Event =
  | { readonly kind: 'arrival'; readonly execution: Execution }
  | { readonly kind: 'booted'; readonly server: SimulatedServer }
  | { readonly kind: 'finished'; readonly server: SimulatedServer; readonly execution: Execution }
  | { readonly kind: 'tick' }
  | { readonly kind: 'reaction' };

/** Plays a trace through until everything has run and nothing bills any more. */
export function simulate(autoscaler: Autoscaler, setting: Setting): Outcome {
  return new World(autoscaler, setting).run();
}

class World {
  readonly #autoscaler: Autoscaler;
  readonly #setting: Setting;
  readonly #events = new EventQueue<Event>();
  readonly #executions: Execution[];
  readonly #finished: Execution[] = [];
  readonly #bootsMs: number[] = [];
  readonly #demand = new Map<number, number>();
  #queued: Execution[] = [];
  #servers: SimulatedServer[] = [];
  #nowMs = 0;
  #made = 0;
  #hours = 0;
  #running = 0;
  #isReactionDue = false;

  constructor(autoscaler: Autoscaler, setting: Setting) {
    this.#autoscaler = autoscaler;
    this.#setting = setting;
    this.#executions = setting.arrivals.map((arrival, id) => ({ ...arrival, id, startAtMs: NaN }));
  }

  run(): Outcome {
    for (const execution of this.#executions)
      this.#events.push(execution.atMs, { kind: 'arrival', execution });
    // Where in its interval a poller is when work comes in is chance.
    this.#events.push(this.#setting.random.between(0, this.#autoscaler.everyMs), { kind: 'tick' });
    while (this.#finished.length < this.#executions.length || this.#servers.length > 0) {
      const next = this.#events.pop();
      if (next === undefined) throw new Error(`${this.#autoscaler.name} has come to a halt`);
      this.#nowMs = next.atMs;
      this.#handle(next.event);
      this.#noteDemand();
    }
    return {
      costMicros: this.#hours * MICROS_PER_HOUR,
      executions: this.#executions,
      hours: this.#hours,
      serversMade: this.#made,
    };
  }

  #handle(event: Event): void {
    switch (event.kind) {
      case 'arrival':
        this.#queued.push(event.execution);
        this.#assign();
        return this.#react();
      case 'booted':
        if (event.server.state !== 'booting') return;
        event.server.state = 'up';
        event.server.idleSinceMs = this.#nowMs;
        this.#bootsMs.push(this.#nowMs - event.server.bootedAtMs);
        return this.#assign();
      case 'finished':
        return this.#finish(event.server, event.execution);
      case 'tick':
        this.#decide();
        this.#events.push(this.#nowMs + this.#autoscaler.everyMs, { kind: 'tick' });
        return;
      case 'reaction':
        this.#isReactionDue = false;
        return this.#decide();
    }
  }

  #react(): void {
    if (!this.#autoscaler.isEventDriven || this.#isReactionDue) return;
    this.#isReactionDue = true;
    this.#events.push(this.#nowMs + REACTION_MS, { kind: 'reaction' });
  }

  #finish(server: SimulatedServer, execution: Execution): void {
    server.running.delete(execution);
    this.#running -= 1;
    this.#finished.push(execution);
    if (server.running.size === 0) server.idleSinceMs = this.#nowMs;
    if (server.usesLeft === 0 && server.running.size === 0) server.state = 'off';
    this.#assign();
  }

  #assign(): void {
    while (this.#queued.length > 0) {
      const free = this.#servers.filter(
        (server) =>
          server.state === 'up' &&
          !server.isDraining &&
          server.usesLeft > 0 &&
          server.running.size < SLOTS,
      );
      // All that are free ask at once; which is first is chance.
      const server = free[this.#setting.random.integer(0, free.length - 1)];
      const execution = server && this.#queued.shift();
      if (!server || !execution) return;
      execution.startAtMs = this.#nowMs;
      server.running.add(execution);
      server.usesLeft -= 1;
      this.#running += 1;
      const endAtMs = this.#nowMs + execution.runMs;
      this.#events.push(endAtMs, { kind: 'finished', server, execution });
    }
  }

  #decide(): void {
    for (let round = 0; round < 10; round += 1) {
      const orders = this.#autoscaler.decide(this.#view());
      const count = this.#carryOut(orders);
      this.#assign();
      if (!this.#autoscaler.isEventDriven || count === 0) return;
    }
  }

  #carryOut({ create = 0, remove = [], drain = [], resume = [], restart = [] }: Orders): number {
    for (let n = 0; n < create && this.#servers.length < MOST_SERVERS; n += 1) this.#create();
    for (const server of this.#servers) {
      if (drain.includes(server.id)) server.isDraining = true;
      if (resume.includes(server.id)) server.isDraining = false;
      if (restart.includes(server.id)) this.#boot(server);
      if (remove.includes(server.id)) this.#remove(server);
    }
    this.#servers = this.#servers.filter((server) => server.state !== 'deleted');
    return create + remove.length + drain.length + resume.length + restart.length;
  }

  #create(): void {
    this.#made += 1;
    const server: SimulatedServer = {
      id: `server-${this.#made}`,
      createdAtMs: this.#nowMs,
      bootedAtMs: this.#nowMs,
      state: 'booting',
      isDraining: false,
      usesLeft: 0,
      idleSinceMs: this.#nowMs,
      running: new Set(),
    };
    this.#servers.push(server);
    this.#boot(server);
  }

  #boot(server: SimulatedServer): void {
    server.state = 'booting';
    server.bootedAtMs = this.#nowMs;
    server.usesLeft = this.#autoscaler.usesPerBoot;
    const takesMs = this.#setting.random.logNormal(this.#setting.bootMs, 0.15);
    this.#events.push(this.#nowMs + takesMs, { kind: 'booted', server });
  }

  #remove(server: SimulatedServer): void {
    if (server.running.size > 0) throw new Error(`${this.#autoscaler.name} deletes a busy server`);
    server.state = 'deleted';
    this.#hours += startedHours(this.#nowMs - server.createdAtMs);
  }

  #noteDemand(): void {
    const minute = Math.floor(this.#nowMs / MINUTE);
    const demand = this.#queued.length + this.#running;
    this.#demand.set(minute, Math.max(demand, this.#demand.get(minute) ?? 0));
  }

  #view(): View {
    const minute = Math.floor(this.#nowMs / MINUTE);
    const recentDemand = Array.from(
      { length: 60 },
      (_, index) => this.#demand.get(minute - 59 + index) ?? 0,
    );
    return {
      nowMs: this.#nowMs,
      queued: this.#queued,
      servers: this.#servers,
      finished: this.#finished,
      bootsMs: this.#bootsMs,
      recentDemand,
    };
  }
}
