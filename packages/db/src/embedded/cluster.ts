import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

import { findPostgresBinaries } from './binaries.ts';
import { startGuard, type Guard } from './guard.ts';
import { unprivilegedCommand } from './unprivileged.ts';

export interface ClusterOptions {
  /** Holds the data, the log and, if its path is short enough, the socket. Made if missing. */
  folder: string;
  /** Added to the settings below; for tests. */
  settings?: Readonly<Record<string, string>>;
  /** Told when the server died by itself; it is being started again then. */
  onCrash?(): void;
}

export interface Cluster {
  /** Connection string for a database of this cluster. */
  url(database: string): string;
  readonly pid: number;
  stop(): Promise<void>;
}

// Sized for a laptop: the platform's own working set is small, and idle memory is what people notice.
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '96MB',
  max_wal_senders: '0',
  wal_level: 'minimal',
  max_wal_size: '512MB',
  // One process answers reads faster than handing 8 KB pages to three idle helpers.
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  autovacuum_naptime: '15s',
};

// sockaddr_un holds 108 bytes; the file name takes 18 of them.
const MAX_SOCKET_FOLDER_LENGTH = 85;

/** Starts (and, the first time, creates) a PostgreSQL server that only this user can reach. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const dataFolder = join(options.folder, 'data');
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  await initialize(dataFolder);
  await stopLeftover(dataFolder);
  const socketFolder = await makeSocketFolder(options.folder);
  const server = new ServerProcess(options, dataFolder, socketFolder);
  await server.start();
  return {
    url: (database) =>
      `postgresql:///${database}?host=${encodeURIComponent(socketFolder)}&user=postgres`,
    get pid() {
      return server.pid;
    },
    stop: async () => {
      await server.stop();
      if (socketFolder !== options.folder) await rm(socketFolder, { recursive: true, force: true });
    },
  };
}

async function initialize(dataFolder: string): Promise<void> {
  if (existsSync(join(dataFolder, 'PG_VERSION'))) return;
  // A folder without PG_VERSION is what an interrupted initdb leaves behind: nothing in it is worth keeping.
  await rm(dataFolder, { recursive: true, force: true });
  const { initdb } = findPostgresBinaries();
  const command = unprivilegedCommand(initdb, [
    ...[
      '-D',
      dataFolder,
      '-U',
      'postgres',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
    ],
  ]);
  const child = spawn(command.program, command.args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  await once(child, 'close');
  if (child.exitCode !== 0)
    throw new Error(`PostgreSQL could not create its data in ${dataFolder}: ${complaint.trim()}`);
}

async function makeSocketFolder(folder: string): Promise<string> {
  if (folder.length <= MAX_SOCKET_FOLDER_LENGTH) return folder;
  return mkdtemp(join(tmpdir(), 'nexus-pg-'));
}

/** A server that outlived its platform (killed with -9) holds the data folder; it is stopped first. */
async function stopLeftover(dataFolder: string): Promise<void> {
  const pid = await runningServerPid(dataFolder);
  if (pid === undefined) return;
  process.kill(pid, 'SIGINT');
  for (let waitedMs = 0; waitedMs < 10_000 && isAlive(pid); waitedMs += 50) await sleep(50);
  if (isAlive(pid)) process.kill(pid, 'SIGQUIT');
  while (isAlive(pid)) await sleep(50);
}

async function runningServerPid(dataFolder: string): Promise<number | undefined> {
  const pidFile = await readFile(join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(pidFile.split('\n', 1)[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return undefined;
  // After a reboot the number may belong to another program.
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => dataFolder);
  return commandLine.includes(dataFolder) ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

class ServerProcess {
  readonly #options: ClusterOptions;
  readonly #dataFolder: string;
  readonly #socketFolder: string;
  #child: ChildProcess | undefined;
  #guard: Guard | undefined;
  #isStopping = false;
  #restarting: Promise<void> | undefined;

  constructor(options: ClusterOptions, dataFolder: string, socketFolder: string) {
    this.#options = options;
    this.#dataFolder = dataFolder;
    this.#socketFolder = socketFolder;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const child = await this.#spawn();
      if (await this.#isReady(child)) {
        this.#child = child;
        this.#guard = startGuard(child.pid ?? 0);
        child.once('exit', () => this.#onExit());
        return;
      }
      // After kill -9 the old backends hold the shared memory for a moment longer.
      if (attempt === 20 || this.#isStopping) {
        throw new Error(
          `PostgreSQL did not start; its log is ${join(this.#options.folder, 'postgres.log')}`,
        );
      }
      await sleep(250);
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#restarting?.catch(() => undefined);
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGINT'); // "fast": open transactions are rolled back, nobody is waited for
      const isLate = await Promise.race([
        exited.then(() => false),
        sleep(3000, true, { ref: false }),
      ]);
      if (isLate) child.kill('SIGQUIT');
      await exited;
    }
    this.#guard?.release();
  }

  async #spawn(): Promise<ChildProcess> {
    const settings = {
      ...SETTINGS,
      ...this.#options.settings,
      unix_socket_directories: this.#socketFolder,
    };
    const { postgres } = findPostgresBinaries();
    const command = unprivilegedCommand(postgres, [
      ...['-D', this.#dataFolder],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]);
    const log = await open(join(this.#options.folder, 'postgres.log'), 'a', 0o600);
    try {
      // A session of its own: Ctrl-C in the terminal must reach the platform, which stops the
      // database last, and not the database itself.
      return spawn(command.program, command.args, {
        stdio: ['ignore', log.fd, log.fd],
        detached: true,
      });
    } finally {
      await log.close();
    }
  }

  async #isReady(child: ChildProcess): Promise<boolean> {
    const failed = once(child, 'exit').then(() => false);
    return Promise.race([failed, this.#answers(child)]);
  }

  async #answers(child: ChildProcess): Promise<boolean> {
    while (child.exitCode === null && child.signalCode === null) {
      const client = new Client({
        host: this.#socketFolder,
        user: 'postgres',
        database: 'postgres',
      });
      client.on('error', () => undefined);
      const isUp = await client.connect().then(
        () => true,
        () => false,
      );
      await client.end().catch(() => undefined);
      if (isUp) return true;
      await sleep(15);
    }
    return false;
  }

  #onExit(): void {
    this.#guard?.release();
    if (this.#isStopping) return;
    this.#options.onCrash?.();
    this.#restarting = this.start();
    this.#restarting.catch(() => undefined);
  }
}
