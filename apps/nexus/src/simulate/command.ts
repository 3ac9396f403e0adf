import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';

import { systemErrorCode } from '@nexus/kit/errors';
import { createHetznerSimulator, createRealClock, type Machines } from '@nexus/simulators/hetzner';

import { Problem } from '../problem.ts';

interface HetznerOptions {
  port: string;
  host: string;
  token?: string;
  speed: string;
  bootWorkers?: boolean;
}

/** `nexus simulate hetzner`: outside systems, alone and on this machine. */
export function addSimulateCommand(program: Command, environment: NodeJS.ProcessEnv): void {
  const simulate = program
    .command('simulate')
    .description('stand in for an outside system on this machine');
  simulate
    .command('hetzner')
    .description(
      'a Hetzner Cloud account that costs nothing, and that official clients take for real',
    )
    .option('--port <port>', 'port to listen on; 0 takes any that is free', '8500')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--token <token>', 'the API token to accept, instead of one that is well known')
    .option('--speed <factor>', 'let its time pass that much faster', '1')
    .option('--boot-workers', 'run a worker in each server, as its user data says')
    .addHelpText('after', HETZNER_HELP)
    .action((options: HetznerOptions) => simulateHetzner(options, environment));
}

const HETZNER_HELP = `
Prints HCLOUD_ENDPOINT and HCLOUD_TOKEN as shell variables and runs until Ctrl-C.
Nothing is kept: each start begins with an empty account.

  nexus simulate hetzner --port 8500 --speed 60
  HCLOUD_ENDPOINT=http://127.0.0.1:8500/v1 HCLOUD_TOKEN=… hcloud server list
`;

async function simulateHetzner(
  options: HetznerOptions,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const speed = readNumber(options.speed, 'a speed', (value) => value > 0);
  const port = readNumber(
    options.port,
    'a port',
    (value) => Number.isInteger(value) && value >= 0 && value <= 65_535,
  );
  const disks = options.bootWorkers ? await mkdtemp(join(tmpdir(), 'nexus-servers-')) : undefined;
  const simulator = createHetznerSimulator({
    ...(disks === undefined ? {} : { machines: await workerMachines(disks, environment) }),
    clock: createRealClock(speed),
    ...(options.token === undefined ? {} : { tokens: [{ token: options.token }] }),
  });
  const url = await simulator.listen(port, options.host).catch((error: unknown) => {
    throw explain(error, port);
  });
  const stopped = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => once(process, name)));
  process.stdout.write(`HCLOUD_ENDPOINT=${url}\nHCLOUD_TOKEN=${simulator.token}\n`);
  process.stderr.write('nexus: a simulated Hetzner account is ready; Ctrl-C ends it\n');
  await stopped;
  await simulator.close();
  if (disks !== undefined) await rm(disks, { recursive: true, force: true });
}

async function workerMachines(folder: string, environment: NodeJS.ProcessEnv): Promise<Machines> {
  const { createWorkerMachines } = await import('./worker-machines.ts');
  return createWorkerMachines({ folder, worker: 'checkout', environment });
}

function readNumber(text: string, what: string, isValid: (value: number) => boolean): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || !isValid(value)) {
    throw new Problem(`${text} is not ${what}`);
  }
  return value;
}

function explain(error: unknown, port: number): unknown {
  return systemErrorCode(error) === 'EADDRINUSE'
    ? new Problem(`port ${port} is in use; choose another with --port`)
    : error;
}
