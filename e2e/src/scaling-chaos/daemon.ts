import { prepareCloud } from '@nexus/autoscaler/cloud';
import { configSchema } from '@nexus/autoscaler/config';
import { assembleLoop, type EnabledConfig } from '@nexus/autoscaler/loop';
import { openExclusive, type Database, type ExclusiveDatabase } from '@nexus/db';
import { createHetznerClient, HetznerError, type HetznerClient } from '@nexus/hetzner';
import { parseConfig } from '@nexus/kit/config';
import type { Logger } from '@nexus/kit/logger';

import type { Random } from '../random.ts';
import { CONTROL_PLANE_URL } from './control-plane.ts';
import { guardDatabase, guardFetch, Guillotine } from './guillotine.ts';
import type { DaemonFate } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface DaemonPlace {
  time: VirtualTime;
  random: Random;
  databaseUrl: string;
  /** Of the harness. */
  database: Database;
  fetch: typeof globalThis.fetch;
  endpoint: string;
  token: string;
  sshKeyPath: string;
  policy: Record<string, string>;
  logger: Logger;
  /** How long until the next tick, by how much is going on. */
  pauseMs: () => number;
  onLead: (isLeading: boolean) => void;
  onProblem: (problem: string) => void;
}

/** Locks of one seed must not wait for those that an earlier one has left behind. */
const LEADER_KEY = 1;

/** One life of the daemon's process: the real loop on the real lock, behind a guillotine. */
export class Daemon {
  readonly #place: DaemonPlace;
  readonly #guillotine: Guillotine;
  readonly #stop = new AbortController();
  readonly #config: EnabledConfig;
  readonly #client: HetznerClient;
  #pid: number | undefined;
  #wake: () => void = () => undefined;
  #isPoked = false;
  /** It is in charge no more. */
  #yield: () => void = () => undefined;

  constructor(place: DaemonPlace, fate: DaemonFate) {
    this.#place = place;
    this.#guillotine = new Guillotine({
      ...{ time: place.time, random: place.random, fallsAfter: fate.fallsAfter },
      cut: () => this.#cut(),
    });
    this.#config = readConfig(place);
    this.#client = createHetznerClient({
      ...{ token: this.#config.HETZNER_API_TOKEN, endpoint: place.endpoint, logger: place.logger },
      signal: this.#stop.signal,
      fetch: guardFetch(place.fetch, this.#guillotine),
      sleep: (delayMs, signal) => this.#guillotine.sleep(delayMs, signal),
      random: () => place.random.next(),
    });
    if (fate.freeze) {
      const { afterMs, forMs } = fate.freeze;
      place.time.wakeAt(place.time.now() + afterMs, () => void this.#guillotine.freeze(forMs));
    }
    void this.#live().catch((error: unknown) => {
      if (!this.#guillotine.isDown) place.onProblem(`the daemon broke: ${String(error)}`);
    });
  }

  /** Resolves when it has been killed, or has ended after it was frozen and replaced. */
  get ended(): Promise<void> {
    return this.#guillotine.down;
  }

  kill(): Promise<void> {
    return this.#guillotine.fall();
  }

  /** Something has changed in the queue. */
  poke(): void {
    this.#isPoked = true;
    this.#wake();
  }

  async #live(): Promise<void> {
    const { time, onLead } = this.#place;
    while (!this.#guillotine.isDown) {
      const database = await this.#open();
      if (this.#guillotine.isDown) return;
      onLead(true);
      this.#yield = () => {
        this.#yield = () => undefined;
        onLead(false);
      };
      database.lost.addEventListener('abort', () => this.#yield(), { once: true });
      await this.#lead(database);
      // Frozen, and somebody else is in charge now: as good as ended.
      if (database.lost.aborted) return this.kill();
      this.#pid = undefined;
      // Before it is: somebody else may have the lock before we hear of the end.
      this.#yield();
      await time.busy(() => database.close());
      await this.#guillotine.sleep(1000);
    }
  }

  async #open(): Promise<ExclusiveDatabase> {
    const { time, databaseUrl } = this.#place;
    const { signal } = this.#stop;
    const database = await time.background(() =>
      openExclusive({ url: databaseUrl, key: LEADER_KEY, signal }),
    );
    const [row] = await time.busy(() =>
      database.query<{ pid: number }>('select pg_backend_pid() as pid'),
    );
    this.#pid = row?.pid;
    // Killed while it waited.
    if (this.#guillotine.isDown) await this.#cut();
    return database;
  }

  async #lead(database: ExclusiveDatabase): Promise<void> {
    const { sshKeyPath, logger, time } = this.#place;
    const [config, client] = [this.#config, this.#client];
    const signal = AbortSignal.any([this.#stop.signal, database.lost]);
    const settings = {
      ...{ gridName: config.GRID_NAME, sshKeyPath, sshAllowedCidrs: [] },
      ...{ image: config.HETZNER_IMAGE, networkId: undefined },
    };
    try {
      const template = await prepareCloud(client, settings, logger);
      const loop = assembleLoop(config, {
        database: guardDatabase(database, this.#guillotine, time),
        ...{ client, template, logger, signal },
        boot: {
          architectures: ['x86', 'arm'],
          renderUserData: ({ name, slots, joinToken }) =>
            JSON.stringify({ name, slots, joinToken }),
        },
      });
      await this.#loop((isTick) => loop.step(isTick), signal);
    } catch (error) {
      if (!signal.aborted) this.#note(error);
    }
  }

  /** The rhythm of ScalingLoop.run, with longer pauses where nothing happens. */
  async #loop(step: (isTick: boolean) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { time, pauseMs, random } = this.#place;
    let nextTickMs = 0;
    while (!signal.aborted) {
      const isTick = time.now() >= nextTickMs;
      this.#isPoked = random.next() < 0.2;
      try {
        await step(isTick);
      } catch (error) {
        if (!signal.aborted) this.#note(error);
      }
      if (isTick) nextTickMs = time.now() + pauseMs();
      await this.#guillotine.sleep(250);
      if (!this.#isPoked) await this.#pause(nextTickMs - time.now());
      // Killed in its sleep.
      await this.#guillotine.sleep(0);
    }
  }

  #pause(ms: number): Promise<void> {
    const { time } = this.#place;
    return new Promise((resolve) => {
      const callOff = time.wakeAt(time.now() + Math.max(0, ms), resolve);
      this.#wake = () => {
        callOff();
        resolve();
      };
    });
  }

  /** The cloud may fail in any way; what else a step fails with is a bug. */
  #note(error: unknown): void {
    const { logger, onProblem } = this.#place;
    logger.warn({ err: error }, 'a scaling step failed');
    if (error instanceof HetznerError || this.#guillotine.isDown) return;
    onProblem(`a step failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
  }

  async #cut(): Promise<void> {
    const pid = this.#pid;
    this.#pid = undefined;
    if (this.#guillotine.isDown) this.#stop.abort(new Error('killed'));
    this.#yield();
    if (pid === undefined) return;
    await this.#place.database.query('select pg_terminate_backend($1, 5000)', [pid]);
  }
}

function readConfig(place: DaemonPlace): EnabledConfig {
  const { policy, databaseUrl, endpoint, token, sshKeyPath } = place;
  // It parses to an enabled one: ORCHESTRATOR_ENABLED is true, and what that asks for is there.
  return parseConfig(configSchema, {
    DATABASE_URL: databaseUrl,
    ORCHESTRATOR_ENABLED: 'true',
    HETZNER_API_TOKEN: token,
    HETZNER_ENDPOINT: endpoint,
    HETZNER_SSH_KEY_PATH: sshKeyPath,
    API_BASE: CONTROL_PLANE_URL,
    ...policy,
  }) as EnabledConfig;
}
