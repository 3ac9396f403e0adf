import { join } from 'node:path';

import type { Fault, HetznerSimulator, OrderedFault } from '@nexus/simulators/hetzner';
import { createCheckedHetzner } from '@nexus/simulators/testing';

import { Random } from '../random.ts';
import { Daemon, type DaemonPlace } from './daemon.ts';
import { countAtEnd, type FinalCount } from './final-checks.ts';
import { Observer } from './observer.ts';
import { drawScenario, type DaemonFate, type Scenario, type Spell } from './scenario.ts';
import type { Stage } from './stage.ts';
import { VirtualWorker, type BootData, type WorkerLedger } from './virtual-worker.ts';

export interface SeedResult extends FinalCount {
  seed: number;
  startsAtMs: number;
  kills: number;
  isBudgetRaised: boolean;
  virtualMs: number;
  struck: Map<string, number>;
  overBudget: number;
}

const MINUTE = 60_000;
const MICROS_PER_EUR = 1_000_000;

export async function runSeed(seed: number, stage: Stage): Promise<SeedResult> {
  const run = new ChaosRun(drawScenario(seed), stage);
  return run.toEnd();
}

class ChaosRun {
  readonly #scenario: Scenario;
  readonly #stage: Stage;
  readonly #cloud: HetznerSimulator;
  readonly #observer: Observer;
  readonly #workers = new Map<number, VirtualWorker>();
  readonly #ledger: WorkerLedger = {
    blows: [],
    published: new Map(),
    struck: new Map(),
  };
  readonly #orders: OrderedFault[] = [];
  readonly #struck = new Map<string, number>();
  readonly #problems: string[] = [];
  readonly #daemons = new Set<Daemon>();
  #policy: Record<string, string>;
  #leading = 0;
  #kills = 0;
  #pendingBursts: number;
  #budgetMicros: number;
  #isBudgetRaised = false;
  #boots = 0;

  constructor(scenario: Scenario, stage: Stage) {
    this.#scenario = scenario;
    this.#stage = stage;
    this.#policy = scenario.policy;
    this.#pendingBursts = scenario.bursts.length;
    const budget = scenario.policy['BUDGET_EUR_PER_MONTH'];
    this.#budgetMicros = budget === undefined ? Infinity : Number(budget) * MICROS_PER_EUR;
    this.#cloud = createCheckedHetzner({
      ...scenario.simulator,
      clock: stage.time,
      faultSeed: scenario.seed,
      machines: {
        boot: async ({ server, userData, signal }) => {
          const worker = this.#boot(server, JSON.parse(userData) as BootData);
          // The power is cut at once, not when whoever waits for the signal gets its turn.
          signal.addEventListener('abort', () => worker.die(), { once: true });
        },
      },
      onMachineError: (error) => this.#note(`a machine broke: ${String(error)}`),
    });
    this.#observer = new Observer({
      ...{ stage, startsAtMs: scenario.startsAtMs },
      cloud: this.#cloud,
      limits: () => ({
        servers: Number(this.#policy['MAX_WORKERS']),
        budgetMicros: this.#budgetMicros,
      }),
      pendingBursts: () => this.#pendingBursts,
      pokeWorkers: () => this.#pokeWorkers(false),
      liftBudget: () => this.#liftBudget(),
      note: (problem) => this.#note(problem),
      count: (what) => this.#count(what),
    });
  }

  async toEnd(): Promise<SeedResult> {
    const { time, own, controlPlane } = this.#stage;
    const { seed, startsAtMs } = this.#scenario;
    await time.restart(startsAtMs);
    await own.reset();
    this.#stage.reseed(seed);
    await controlPlane.start();
    this.#schedule();
    void this.#liveThrough(this.#scenario.daemons);
    await time.run(() => this.#observer.isOver);
    const count = await countAtEnd(own.database, this.#cloud.account, this.#ledger);
    for (const daemon of this.#daemons) await daemon.kill();
    for (const worker of this.#workers.values()) worker.die();
    await this.#cloud.close();
    if (controlPlane.isUp) await controlPlane.stop();
    this.#countStruck();
    return {
      ...count,
      problems: [...this.#problems, ...count.problems],
      ...{ seed, startsAtMs, kills: this.#kills, isBudgetRaised: this.#isBudgetRaised },
      ...{ struck: this.#struck, overBudget: this.#observer.overBudget },
      virtualMs: time.now() - startsAtMs,
    };
  }

  #note(problem: string): void {
    const minute = (this.#stage.time.now() - this.#scenario.startsAtMs) / MINUTE;
    if (this.#problems.length < 20)
      this.#problems.push(`minute ${minute.toFixed(2)}: ${problem.slice(0, 1500)}`);
  }

  #at(afterMs: number, act: () => Promise<void> | void): void {
    this.#stage.time.wakeAt(this.#scenario.startsAtMs + afterMs, () => {
      void (async () => act())().catch((error: unknown) =>
        this.#note(`the harness: ${String(error)}`),
      );
    });
  }

  #schedule(): void {
    const { faults, calmAtMs, spells, bursts, vanishAtMs } = this.#scenario;
    for (const order of faults) this.#orders.push(this.#cloud.faults.order(order));
    const strays = [...this.#orders];
    this.#at(calmAtMs, () => strays.forEach((order) => order.cancel()));
    for (const spell of spells) this.#at(spell.fromMs, () => this.#suffer(spell));
    for (const { atMs, submissions } of bursts)
      this.#at(atMs, async () => {
        for (const submission of submissions) await this.#submit(submission);
        this.#pendingBursts -= 1;
        this.#pokeAll();
      });
    for (const atMs of vanishAtMs) this.#at(atMs, () => this.#vanish());
    this.#at(0, () => this.#look());
  }

  async #submit(submission: unknown): Promise<void> {
    const { controlPlane, time } = this.#stage;
    while (!controlPlane.isUp) await time.sleep(5000);
    const { status, body } = await controlPlane.call('POST', '/api/v1/batches', {
      body: submission,
    });
    if (status !== 200 || body.state !== 'accepted')
      this.#note(`a submit was answered with ${status}: ${JSON.stringify(body)}`);
  }

  async #suffer({ kind, untilMs }: Spell): Promise<void> {
    const { controlPlane } = this.#stage;
    this.#count(`spell ${kind}`);
    const strikeAll = (fault: Fault): void => {
      const order = this.#cloud.faults.order({ fault });
      this.#orders.push(order);
      this.#at(untilMs, () => order.cancel());
    };
    switch (kind) {
      case 'api_away':
        return strikeAll(
          new Random(this.#scenario.seed).pick<Fault>([
            { kind: 'error', status: 503 },
            { kind: 'reply_lost', isActedOn: false },
            { kind: 'html', status: 502 },
          ]),
        );
      case 'all_sold_out':
        return strikeAll({ kind: 'sold_out' });
      case 'location_disabled':
        return strikeAll({ kind: 'location_disabled', location: 'fsn1' });
      case 'requests_used':
        return this.#cloud.account.useUpRequests(100_000);
      case 'control_plane_away':
        await controlPlane.stop();
        this.#at(untilMs, () => controlPlane.start());
    }
  }

  /** Somebody removes a server in the console. */
  async #vanish(): Promise<void> {
    const known = await this.#query<{ id: number }>(
      "select cloud_id as id from servers where state <> 'gone' and cloud_id is not null order by cloud_id",
    );
    const server = known[0];
    if (!server) return;
    this.#count('server removed by hand');
    this.#cloud.account.vanish(server.id);
  }

  #boot(server: { id: number; cores: number }, boot: BootData): VirtualWorker {
    const { time, controlPlane, logger } = this.#stage;
    this.#boots += 1;
    const random = new Random(this.#scenario.seed * 4096 + this.#boots);
    const place = {
      ...{ time, controlPlane, random, logger },
      ...{ ledger: this.#ledger, faults: this.#scenario.workers },
      onChange: () => this.#onWorkerChange(random),
    };
    const worker = new VirtualWorker(place, boot, server.cores);
    this.#workers.set(server.id, worker);
    return worker;
  }

  /** The daemon hears of some of it at once, of the rest at its next tick. */
  #onWorkerChange(random: Random): void {
    if (random.next() < 0.2) for (const daemon of this.#daemons) daemon.poke();
    // A place under a `--parallel` may have come free.
    if (this.#observer.isAnyoneWaiting) this.#pokeWorkers(false);
  }

  #pokeAll(): void {
    for (const daemon of this.#daemons) daemon.poke();
    this.#pokeWorkers(true);
  }

  #pokeWorkers(hasNews: boolean): void {
    for (const worker of this.#workers.values()) worker.poke(hasNews);
  }

  async #liftBudget(): Promise<void> {
    const { BUDGET_EUR_PER_MONTH: _, ...policy } = this.#policy;
    this.#policy = policy;
    this.#budgetMicros = Infinity;
    this.#isBudgetRaised = true;
    // Whoever lives is restarted with the new settings; the last one has nobody to follow it.
    for (const daemon of this.#daemons) await daemon.kill();
    this.#startDaemon({ fallsAfter: Infinity, restartMs: 0, hasRival: false, freeze: null }, 500);
  }

  async #look(): Promise<void> {
    const { time } = this.#stage;
    await this.#observer.look();
    const afterMs = time.now() + this.#observer.pauseMs() - this.#scenario.startsAtMs;
    if (!this.#observer.isOver) this.#at(afterMs, () => this.#look());
  }

  /** One daemon after the other; a rival waits beside it for its place. */
  async #liveThrough(fates: readonly DaemonFate[]): Promise<void> {
    const { time } = this.#stage;
    for (const [index, fate] of fates.entries()) {
      const daemon = this.#startDaemon(fate, index);
      const rival = fate.hasRival
        ? this.#startDaemon({ ...fate, hasRival: false, freeze: null }, index + 100)
        : undefined;
      await daemon.ended;
      await rival?.ended;
      await time.sleep(fate.restartMs);
      if (this.#observer.isOver) return;
    }
  }

  #startDaemon(fate: DaemonFate, index: number): Daemon {
    const { time, own, folder, logger } = this.#stage;
    const place: DaemonPlace = {
      ...{ time, logger, databaseUrl: own.url, database: own.database, policy: this.#policy },
      random: new Random(this.#scenario.seed * 4096 + 2048 + index),
      fetch: (input, init) => this.#fetch(input, init),
      endpoint: this.#cloud.url,
      token: this.#cloud.token,
      sshKeyPath: join(folder, 'ssh', 'key'),
      pauseMs: () => this.#observer.pauseMs(),
      onLead: (isLeading) => {
        this.#leading += isLeading ? 1 : -1;
        if (this.#leading > 1) this.#note(`${this.#leading} daemons were in charge at once`);
      },
      onProblem: (problem) => this.#note(problem),
    };
    const daemon = new Daemon(place, fate);
    this.#daemons.add(daemon);
    void daemon.ended.then(() => {
      this.#daemons.delete(daemon);
      if (!this.#observer.isOver) this.#kills += 1;
    });
    return daemon;
  }

  /** Looks at every delete before it goes out. */
  async #fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const [, id] = /\/servers\/(\d+)$/.exec(new Request(input, init).url) ?? [];
    if (init?.method === 'DELETE' && id !== undefined) {
      const held = await this.#query<{ id: string }>(
        `select e.id from servers s join workers w on w.server_id = s.id join executions e on e.worker_id = w.id
         where s.cloud_id = $1 and e.state in ('leased', 'running', 'publishing')`,
        [id],
      );
      if (held.length > 0) this.#note(`server ${id} was to be deleted under ${held[0]?.id}`);
    }
    return this.#cloud.fetch(input, init);
  }

  #query<T extends Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<T[]> {
    const { time, own } = this.#stage;
    return time.busy(() => own.database.query<T>(sql, values));
  }

  #count(what: string, times = 1): void {
    this.#struck.set(what, (this.#struck.get(what) ?? 0) + times);
  }

  #countStruck(): void {
    for (const { order, struck } of this.#orders) this.#count(order.fault.kind, struck);
    for (const [kind, times] of this.#ledger.struck) this.#count(`worker ${kind}`, times);
  }
}
