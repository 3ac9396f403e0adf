import {
  exchangeReplySchema,
  heartbeatReplySchema,
  registerReplySchema,
  type FinishedItem,
  type Lease,
  type LeasedBatch,
  type LeaseRef,
  type ReportItem,
} from '@nexus/grid/contract';

import type { Logger } from '@nexus/kit/logger';

import type { Random } from '../random.ts';
import type { ControlPlane } from './control-plane.ts';
import { jobOf } from './load.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What befalls machines, by probability, and how often in all: long work has to end at last. */
export interface WorkerFaults {
  most: number;
  /** For each call: it arrives, and its answer does not. */
  lostReply: number;
  /** For each heartbeat: nothing is heard of it for some minutes, and it goes on. */
  silence: number;
  /** For each heartbeat: it hangs for good. */
  hang: number;
  /** For each heartbeat: the process dies and is started again. */
  restart: number;
  /** For each machine: it fails the first things that it is given. */
  isBad: number;
}

/** What workers have to say to those who check the run. */
export interface WorkerLedger {
  /** When workers, by id, were struck by a fault: what was lost then was not lost by the platform. */
  readonly blows: { workerId: string; fromMs: number; untilMs: number }[];
  /** Executions by the epochs under which a result of theirs was accepted. */
  readonly published: Map<string, Set<number>>;
  /** Faults that struck workers, by kind. */
  readonly struck: Map<string, number>;
}

export interface WorkerPlace {
  time: VirtualTime;
  controlPlane: ControlPlane;
  random: Random;
  faults: WorkerFaults;
  ledger: WorkerLedger;
  onChange: () => void;
  logger: Logger;
}

export interface BootData {
  name: string;
  slots: number;
  joinToken: string;
}

interface Run {
  lease: Lease;
  startedAtMs: number;
  callOff: () => void;
}

const BEAT_MS = 55_000;
const RETRY_MS = 7000;
const PATIENCE_MS = 20_000;
const MOST_FAILURES = 6;
const MEMORY_BYTES = 3.5 * 1024 ** 3;

/** A worker on a server that exists only in the simulator: it takes what it can and runs it in virtual time. */
export class VirtualWorker {
  readonly #place: WorkerPlace;
  readonly #boot: BootData;
  readonly #cpus: number;
  /** How many more it will fail. */
  #failuresLeft: number;
  readonly #batches = new Map<string, LeasedBatch>();
  readonly #runs = new Map<string, Run>();
  /** In the order in which they happened; sent again until they are answered. */
  #items: ReportItem[] = [];
  #token: string | undefined;
  #id = '';
  #isDead = false;
  #isPoked = false;
  #foundNoneAtMs = -Infinity;
  #quietUntil = 0;
  #calls: Promise<void> = Promise.resolve();
  #callsOff: () => void = () => undefined;

  constructor(place: WorkerPlace, boot: BootData, cpus: number) {
    this.#place = place;
    this.#boot = boot;
    this.#cpus = cpus;
    this.#failuresLeft = this.#strikes('isBad') ? MOST_FAILURES : 0;
    this.#inTurn(() => this.#register(undefined));
  }

  /** The plug is pulled. */
  die(): void {
    if (!this.#isDead) this.#place.logger.info({ server: this.#boot.name }, 'power cut');
    this.#isDead = true;
    this.#callsOff();
    this.#excuse(Infinity);
    for (const [, { callOff }] of this.#runs) callOff();
  }

  get isIdle(): boolean {
    return this.#token !== undefined && this.#runs.size < this.#boot.slots;
  }

  get leases(): readonly LeaseRef[] {
    return [...this.#runs.values()].map(({ lease }) => lease);
  }

  /** There may be work. If it has just found none, it believes that only where there is news. */
  poke(hasNews: boolean): void {
    const isTold = this.#place.time.now() - this.#foundNoneAtMs < PATIENCE_MS;
    if (!this.isIdle || this.#isPoked || (isTold && !hasNews)) return;
    this.#isPoked = true;
    this.#inTurn(async () => {
      this.#isPoked = false;
      await this.#exchange();
    });
  }

  /** One call at a time, as the real one does. */
  #inTurn(work: () => Promise<void>): void {
    this.#calls = this.#calls.then(async () => {
      const { time } = this.#place;
      if (this.#quietUntil > time.now()) await time.sleep(this.#quietUntil - time.now());
      if (!this.#isDead) await work();
    });
  }

  async #register(previousToken: string | undefined): Promise<void> {
    const { name, slots, joinToken } = this.#boot;
    const traits = { cpus: this.#cpus, memoryBytes: MEMORY_BYTES, drivers: ['process'] };
    const body = { joinToken, name, slots, ...traits, runtimes: ['python'] };
    const reply = await this.#send('/register', registerReplySchema, {
      ...body,
      ...(previousToken === undefined ? {} : { previousToken }),
    });
    if (this.#isDead) return;
    if (reply === 'refused') return this.#again(() => this.#register(previousToken), 30_000);
    if (reply === 'unheard') return this.#again(() => this.#register(previousToken), RETRY_MS);
    this.#token = reply.workerToken;
    this.#id = reply.workerId;
    if (this.#failuresLeft > 0) this.#excuse(Infinity);
    this.#place.onChange();
    this.#beatLater();
    await this.#exchange();
  }

  #again(work: () => Promise<void>, delayMs: number): void {
    const { time } = this.#place;
    this.#callsOff();
    this.#callsOff = time.wakeAt(time.now() + delayMs, () => this.#inTurn(work));
  }

  #beatLater(): void {
    this.#again(() => this.#beat(), BEAT_MS);
  }

  async #beat(): Promise<void> {
    if (this.#suffer()) return;
    const body = { leases: this.leases.map(({ executionId, epoch }) => ({ executionId, epoch })) };
    const reply = await this.#send('/heartbeat', heartbeatReplySchema, body);
    if (this.#isDead) return;
    if (reply === 'refused') return this.#startAnew();
    this.#beatLater();
    if (reply === 'unheard') return;
    for (const { executionId, epoch } of reply.lost) this.#drop(executionId, epoch);
    for (const { executionId } of reply.cancel) this.#end(executionId, 'cancelled');
    if (this.#items.length > 0) await this.#exchange();
  }

  #strikes(kind: Exclude<keyof WorkerFaults, 'most'>): boolean {
    const { random, faults, ledger, logger } = this.#place;
    const before = ledger.struck.get(kind) ?? 0;
    if (before >= faults.most || random.next() >= faults[kind]) return false;
    ledger.struck.set(kind, before + 1);
    logger.info({ server: this.#boot.name, kind }, 'a worker is struck');
    return true;
  }

  /** True: it says nothing now. */
  #suffer(): boolean {
    const { random, time, onChange } = this.#place;
    if (this.#strikes('hang')) {
      this.#excuse(Infinity);
      for (const { callOff } of this.#runs.values()) callOff();
      this.#isDead = true;
      onChange();
      return true;
    }
    if (this.#strikes('silence')) {
      this.#quietUntil = time.now() + random.between(60_000, 600_000);
      this.#excuse(this.#quietUntil);
      this.#beatLater();
      return true;
    }
    if (!this.#strikes('restart')) return false;
    this.#startAnew();
    return true;
  }

  /** What ran is gone; the new process proves that it follows this one. */
  #startAnew(): void {
    this.#excuse(Infinity);
    for (const { callOff } of this.#runs.values()) callOff();
    this.#runs.clear();
    this.#items = [];
    const before = this.#token;
    this.#token = undefined;
    this.#again(() => this.#register(before), RETRY_MS);
  }

  async #exchange(): Promise<void> {
    if (this.#token === undefined) return;
    const items = this.#items.slice(0, 100);
    const busy = [...this.#runs.values()].map(({ lease }) => this.#limitsOf(lease));
    const capacity = {
      slots: this.#boot.slots - busy.length,
      cpus: Math.max(0, this.#cpus - sum(busy.map(({ cpus }) => cpus))),
      memoryBytes: Math.max(0, MEMORY_BYTES - sum(busy.map(({ memoryBytes }) => memoryBytes))),
    };
    const knownBatches = [...this.#batches.keys()];
    const reply = await this.#send('/exchange', exchangeReplySchema, {
      ...{ items, capacity, knownBatches },
    });
    if (this.#isDead || reply === 'refused') return;
    if (reply === 'unheard') {
      const { time } = this.#place;
      time.wakeAt(time.now() + RETRY_MS, () => this.#inTurn(() => this.#exchange()));
      return;
    }
    this.#items = this.#items.filter((item) => !items.includes(item));
    for (const [index, item] of items.entries())
      if (reply.results[index] === 'accepted') this.#noteAccepted(item);
    for (const batch of reply.batches) this.#batches.set(batch.id, batch);
    for (const lease of reply.leases) this.#begin(lease);
    if (reply.leases.length === 0) this.#foundNoneAtMs = this.#place.time.now();
    if (items.length > 0 || reply.leases.length > 0) this.#place.onChange();
    if (reply.leases.length > 0 && this.#runs.size > 0) await this.#exchange();
  }

  #limitsOf(lease: Lease): { cpus: number; memoryBytes: number; timeoutSeconds: number } {
    const limits = this.#batches.get(lease.batchId)?.spec.limits;
    if (!limits) throw new Error(`a lease came without its batch ${lease.batchId}`);
    return limits;
  }

  #begin(lease: Lease): void {
    const { time, random } = this.#place;
    const { executionId, epoch } = lease;
    if (this.#failuresLeft > 0) {
      this.#failuresLeft -= 1;
      this.#items.push({ executionId, epoch, kind: 'worker_failed', reason: 'no disk' });
      time.wakeAt(time.now() + 2000, () => this.#inTurn(() => this.#exchange()));
      return;
    }
    this.#items.push({ executionId, epoch, kind: 'running', sandbox: 'process', startedMsAgo: 0 });
    const { runMs, outcome } = jobOf(lease.args, random);
    const limitMs = this.#limitsOf(lease).timeoutSeconds * 1000;
    const isTooLong = runMs > limitMs;
    const callOff = time.wakeAt(time.now() + Math.min(runMs, limitMs), () =>
      this.#end(executionId, isTooLong ? 'timed_out' : outcome),
    );
    this.#runs.set(executionId, { lease, callOff, startedAtMs: time.now() });
  }

  #end(executionId: string, outcome: FinishedItem['outcome']): void {
    const run = this.#runs.get(executionId);
    if (!run || this.#isDead) return;
    run.callOff();
    this.#runs.delete(executionId);
    const wallMs = Math.round(this.#place.time.now() - run.startedAtMs);
    this.#items.push({
      ...{ executionId, epoch: run.lease.epoch, kind: 'finished', outcome },
      ...{ exitCode: outcome === 'succeeded' ? 0 : 1, reason: null, sandbox: 'process' },
      ...{ outputs: null, logs: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 } },
      usage: { wallMs, cpuMs: wallMs, maxMemoryBytes: 1 << 20 },
    });
    this.#inTurn(() => this.#exchange());
  }

  #drop(executionId: string, epoch: number): void {
    const run = this.#runs.get(executionId);
    if (run?.lease.epoch !== epoch) return;
    run.callOff();
    this.#runs.delete(executionId);
  }

  #noteAccepted({ executionId, epoch, kind }: ReportItem): void {
    if (kind !== 'finished') return;
    const { published } = this.#place.ledger;
    const epochs = published.get(executionId) ?? new Set();
    published.set(executionId, epochs.add(epoch));
  }

  #excuse(untilMs: number): void {
    const { ledger, time } = this.#place;
    ledger.blows.push({ workerId: this.#id, fromMs: time.now(), untilMs });
  }

  /** `unheard`: nobody answered, or the answer was lost. `refused`: another try cannot change it. */
  async #send<T>(
    path: string,
    schema: { parse(body: unknown): T },
    body: unknown,
  ): Promise<T | 'unheard' | 'refused'> {
    const { controlPlane } = this.#place;
    try {
      const token = this.#token ?? 'none';
      const answer = await controlPlane.call('POST', `/api/v1/worker${path}`, { token, body });
      if (answer.status === 401) return 'refused';
      if (this.#strikes('lostReply')) return 'unheard';
      if (answer.status === 200) return schema.parse(answer.body);
      if (answer.status >= 500) return 'unheard';
      throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    } catch (error) {
      if (error instanceof TypeError) return 'unheard';
      throw error;
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
