import { join } from 'node:path';

import { createApp as createAutoscaler, type App as Autoscaler } from '@nexus/autoscaler';
import { configSchema } from '@nexus/autoscaler/config';
import { renderCloudInit } from '@nexus/hetzner/cloud-init';
import { parseConfig } from '@nexus/kit/config';
import { createLogger } from '@nexus/kit/logger';
import { createHetznerSimulator, type HetznerSimulator } from '@nexus/simulators/hetzner';

import type { Home } from '../home.ts';
import { createWorkerMachines } from '../simulate/worker-machines.ts';
import { createSkippingClock } from './skipping-clock.ts';

export interface CloudOptions {
  home: Home;
  environment: NodeJS.ProcessEnv;
  databaseUrl: string;
  apiUrl: string;
}

/** Servers come and go with the work: the daemon, and where there is no token, a cloud for it. */
export interface Cloud {
  /** Undefined: it is the real one. */
  simulator: HetznerSimulator | undefined;
  /** Of a simulated cloud: what follows is so much later. */
  skip(ms: number): void;
  stop(): Promise<void>;
}

/** A small cloud in a hurry: enough to see every step of a server's life, and not to wait for it. */
const TIMINGS = { createMs: 700, startMs: 300, bootMs: 300, stopMs: 100, deleteMs: 300 };
const SIMULATED = {
  ORCHESTRATOR_ENABLED: 'true',
  HETZNER_SERVER_TYPES: 'cx23',
  GRID_NAME: 'laptop',
  MAX_WORKERS: '2',
  BOOT_ESTIMATE: '4',
  // Nobody who looks on waits a minute.
  PROVISION_MAX_WAIT: '5',
};

export function hasRealCloud(environment: NodeJS.ProcessEnv): boolean {
  return (
    (environment['HETZNER_API_TOKEN'] ?? '') !== '' &&
    /^(true|1|yes|on)$/i.test(environment['ORCHESTRATOR_ENABLED'] ?? '')
  );
}

export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { home, environment, databaseUrl, apiUrl } = options;
  if (hasRealCloud(environment)) {
    const given = { API_BASE: apiUrl, ...environment, DATABASE_URL: databaseUrl };
    const daemon = createAutoscaler(parseConfig(configSchema, given), {
      logger: loggerOf(options),
    });
    return { simulator: undefined, skip: () => undefined, stop: () => end(daemon) };
  }
  const clock = createSkippingClock();
  const simulator = createHetznerSimulator({
    clock,
    timings: TIMINGS,
    machines: createWorkerMachines({
      folder: join(home.folder, 'simulated-cloud'),
      worker: 'checkout',
      environment,
    }),
  });
  await simulator.listen();
  const config = parseConfig(configSchema, {
    ...SIMULATED,
    DATABASE_URL: databaseUrl,
    API_BASE: apiUrl,
    HETZNER_API_TOKEN: simulator.token,
    HETZNER_ENDPOINT: simulator.url,
    HETZNER_SSH_KEY_PATH: join(home.folder, 'simulated-cloud', 'worker_key'),
  });
  const daemon = createAutoscaler(config, {
    logger: loggerOf(options),
    now: () => new Date(clock.now()),
    boot: {
      architectures: ['x86'],
      renderUserData: ({ name, slots, joinToken }) =>
        renderCloudInit({ apiBase: apiUrl, joinToken, serverName: name, slots, bundle: null }),
    },
  });
  return {
    simulator,
    skip: (ms) => clock.skip(ms),
    stop: async () => {
      await end(daemon);
      await simulator.close();
    },
  };
}

function loggerOf({ home, environment }: CloudOptions) {
  return createLogger({
    name: 'autoscaler',
    level: environment['LOG_LEVEL'] ?? 'info',
    destination: join(home.logs, 'autoscaler.log'),
  });
}

async function end(daemon: Autoscaler): Promise<void> {
  daemon.stop();
  // What ended it before is in its log.
  await daemon.ended.catch(() => undefined);
}
