import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Database } from '@nexus/db';

import { commandLine, processTree } from '../measuring/processes.ts';
import { startControlPlane, startDatabaseServer } from './control-plane.ts';
import { openApi, type Api } from './http.ts';
import { freePort, startService, waitUntil, type Service } from './service.ts';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A whole platform with a local worker, its parts told apart. */
export interface Platform {
  api: Api;
  url: string;
  apiKey: string;
  orchestratorPid: number;
  workerPid: number;
  postgresPid: number;
  /** The program that was started; every other process is below it, but for those that left it on purpose. */
  pid: number;
  /** Only where the platform is profiled. */
  database?: Database;
  stop(): Promise<void>;
}

export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-bench-'));
  // Interrupted: services and the database's guard see this process end and follow.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(130));
  const sweep = () =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  process.once('exit', sweep);
  try {
    return await work(folder);
  } finally {
    process.removeListener('exit', sweep);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** As a person starts it: `bin/nexus up`, or any other command that does the same. */
export async function startPlatform(
  folder: string,
  command: readonly string[] = ['bin/nexus', 'up'],
): Promise<Platform> {
  const home = join(folder, 'home');
  await mkdir(home, { recursive: true });
  const port = await freePort();
  const [program = '', ...args] = command;
  const service = startService({
    command: program.includes('/') ? join(ROOT, program) : program,
    args: [...args, '--no-first-job', '--port', String(port)],
    cwd: ROOT,
    logPath: join(folder, 'platform.log'),
    env: { NEXUS_HOME: home, ...inherited() },
  });
  try {
    return await connect(service, join(home, 'local.json'));
  } catch (error) {
    await service.stop();
    const log = await readFile(join(folder, 'platform.log'), 'utf8');
    throw new Error(`the platform did not start: ${log}`, { cause: error });
  }
}

async function connect(service: Service, localFile: string): Promise<Platform> {
  await waitUntil(async () => (await readFile(localFile)).length > 0, 'the platform');
  // Written by `nexus up` with these two fields.
  const { apiUrl, apiKey } = JSON.parse(await readFile(localFile, 'utf8')) as {
    apiUrl: string;
    apiKey: string;
  };
  const api = openApi(`${apiUrl}/api/v1`, apiKey);
  await waitForWorker(api);
  return {
    ...{ api, url: apiUrl, apiKey, pid: service.pid },
    orchestratorPid: findProcess(service.pid, /nexus\/src\/main/),
    workerPid: findProcess(service.pid, /worker\/src\/main/),
    postgresPid: findProcess(service.pid, /native\/bin\/postgres -D/),
    stop: async () => {
      api.close();
      await service.stop();
    },
  };
}

/** Control plane and worker as processes of their own, so that both can be profiled. */
export async function startProfiledPlatform(
  folder: string,
  profileFolder: string,
): Promise<Platform> {
  const cluster = await startDatabaseServer(folder, { isProfiling: true });
  const plane = await startControlPlane(cluster, {
    folder,
    name: 'profiled',
    profileFolder: join(profileFolder, 'orchestrator'),
  });
  await plane.database.query('create extension pg_stat_statements');
  const worker = startService({
    command: process.execPath,
    args: [
      ...[
        '--disable-warning=ExperimentalWarning',
        '--cpu-prof',
        `--cpu-prof-dir=${join(profileFolder, 'worker')}`,
      ],
      fileURLToPath(import.meta.resolve('@nexus/worker/main')),
    ],
    logPath: join(folder, 'worker.log'),
    env: {
      ...inherited(),
      API_BASE: plane.url,
      WORKER_JOIN_TOKEN: plane.joinToken,
      WORKER_FOLDER: join(folder, 'worker'),
      WORKER_DRAIN_SECONDS: '0',
    },
  });
  const apiKey = await plane.createKey('bench');
  const api = openApi(`${plane.url}/api/v1`, apiKey);
  await waitForWorker(api);
  return {
    ...{ api, apiKey, url: plane.url, pid: process.pid, orchestratorPid: plane.orchestrator.pid },
    ...{ workerPid: worker.pid, postgresPid: cluster.pid, database: plane.database },
    stop: async () => {
      api.close();
      await worker.stop();
      await plane.stop();
      await cluster.stop();
    },
  };
}

export interface Ended {
  exitCode: number;
  stdout: string;
  wallMs: number;
}

/** Runs `rgrid` as a user of this platform would, in `cwd`. Its own messages are thrown away. */
export async function runRgrid(
  platform: Pick<Platform, 'url' | 'apiKey'>,
  cwd: string,
  args: readonly string[],
): Promise<Ended> {
  return runCommand([join(ROOT, 'bin/rgrid'), ...args], cwd, {
    RGRID_API_URL: platform.url,
    RGRID_API_KEY: platform.apiKey,
  });
}

export async function runCommand(
  command: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<Ended> {
  const [program = '', ...args] = command;
  const startedAt = performance.now();
  const child = spawn(program, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  await once(child, 'close');
  return { exitCode: child.exitCode ?? 1, stdout, wallMs: performance.now() - startedAt };
}

function inherited(): Record<string, string> {
  const cache = process.env['NODE_COMPILE_CACHE'];
  return cache === undefined ? {} : { NODE_COMPILE_CACHE: cache };
}

async function waitForWorker(api: Api): Promise<void> {
  await waitUntil(
    async () => (await api.get<{ workers: unknown[] }>('/workers')).workers.length > 0,
    'the worker',
  );
}

function findProcess(root: number, pattern: RegExp): number {
  const pid = processTree(root).find((candidate) => pattern.test(commandLine(candidate)));
  if (pid === undefined) throw new Error(`no process like ${String(pattern)}`);
  return pid;
}
