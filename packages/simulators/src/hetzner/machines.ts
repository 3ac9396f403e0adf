import type { Account, MachineEvent, Project, Server } from './state.ts';

/** What a machine can know about itself. */
export interface MachineServer {
  id: number;
  name: string;
  labels: Readonly<Record<string, string>>;
  project: string;
  serverType: string;
  location: string;
  cores: number;
  memoryGb: number;
  ipv4: string | null;
  privateIps: string[];
  /** cloud-init runs the user data on the first boot only. */
  isFirstBoot: boolean;
}

export interface Machine {
  stop(): Promise<void>;
}

/**
 * The computers inside the servers. `boot` is called once for every time a server comes up, when
 * cloud-init would run. When power is cut, `signal` is aborted: a boot may then reject, or end well and
 * be stopped at once. One server has at most one machine: the next boot waits until the one before has stopped.
 */
export interface Machines {
  boot(options: {
    server: MachineServer;
    userData: string;
    signal: AbortSignal;
  }): Promise<Machine | void>;
}

interface RunningMachine {
  abort: AbortController;
  /** Over when the machine has stopped. */
  ended: Promise<void>;
}

/** Starts and stops machines as the account says. */
export class MachineRoom {
  readonly #machines: Machines;
  readonly #onError: (error: unknown) => void;
  readonly #running = new Map<number, RunningMachine>();

  constructor(machines: Machines, onError: (error: unknown) => void) {
    this.#machines = machines;
    this.#onError = onError;
  }

  follow(account: Account): void {
    for (const event of account.machineEvents.splice(0)) this.#react(event);
  }

  /** Cuts the power of all, and waits until every machine has stopped. */
  async stopAll(): Promise<void> {
    const machines = [...this.#running.values()];
    machines.forEach(({ abort }) => abort.abort());
    await Promise.all(machines.map(({ ended }) => ended));
  }

  #react(event: MachineEvent): void {
    switch (event.kind) {
      case 'booted':
        return this.#boot(event.project, event.server);
      case 'stopped':
        return this.#running.get(event.serverId)?.abort.abort();
    }
  }

  #boot(project: Project, server: Server): void {
    const abort = new AbortController();
    const before = this.#running.get(server.id)?.ended;
    const options = {
      server: describe(project, server),
      userData: server.userData,
      signal: abort.signal,
    };
    const ended = this.#run(options, before).catch(this.#onError);
    const running = { abort, ended };
    this.#running.set(server.id, running);
    void ended.then(() => {
      if (this.#running.get(server.id) === running) this.#running.delete(server.id);
    });
  }

  async #run(
    options: Parameters<Machines['boot']>[0],
    before: Promise<void> | undefined,
  ): Promise<void> {
    if (before) await before;
    if (options.signal.aborted) return;
    const machine = await this.#machines.boot(options).catch((error: unknown) => {
      // Giving up is the right answer to a cut of power.
      if (!options.signal.aborted) throw error;
    });
    await aborted(options.signal);
    await machine?.stop();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function describe(project: Project, server: Server): MachineServer {
  const ipv4 = server.ipv4Id === null ? undefined : project.primaryIps.get(server.ipv4Id);
  return {
    id: server.id,
    name: server.name,
    labels: server.labels,
    project: project.name,
    serverType: server.type.name,
    location: server.location.name,
    cores: server.type.cores,
    memoryGb: server.type.memoryGb,
    ipv4: ipv4?.ip ?? null,
    privateIps: server.privateNets.map(({ ip }) => ip),
    isFirstBoot: !server.hasBootedBefore,
  };
}
