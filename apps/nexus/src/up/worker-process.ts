import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { Logger } from '@nexus/kit/logger';

import type { Home } from '../home.ts';

export interface WorkerProcess {
  readonly pid: number;
  /** Its process has ended by itself at least once. */
  readonly hasDied: boolean;
  /** What it said when it gave up, or where to look. */
  lastWords(): Promise<string>;
  stop(): Promise<void>;
}

export interface WorkerProcessOptions {
  home: Home;
  apiBase: string;
  joinToken: string;
  logger: Logger;
  /** Handed on: settings of the worker and of package managers, PATH. */
  environment: NodeJS.ProcessEnv;
}

const MAIN = fileURLToPath(import.meta.resolve('@nexus/worker/main'));
const STOP_MS = 3000;
const RESTART_MS = 500;
const MAX_WORDS = 4000;
// The worker runs other people's scripts: it gets what it needs to find interpreters and packages, not everything.
const HANDED_ON =
  /^(PATH|HOME|LANG|LC_.*|TZ|TMPDIR|WORKER_.*|PIP_.*|npm_config_.*|NODE_COMPILE_CACHE|NODE_EXTRA_CA_CERTS|SSL_CERT_.*|HTTPS?_PROXY|NO_PROXY|LOG_LEVEL|XDG_.*|DBUS_SESSION_BUS_ADDRESS|DOCKER_HOST)$/i;

/** The local worker, a process of its own. Started again if it dies; ends when this process ends, however. */
export function startWorkerProcess(options: WorkerProcessOptions): WorkerProcess {
  let child = spawnWorker(options);
  let isStopping = false;
  let hasDied = false;
  const watch = async () => {
    while (!isStopping) {
      await once(child, 'exit');
      if (isStopping) return;
      hasDied = true;
      options.logger.warn(
        { code: child.exitCode, signal: child.signalCode },
        'the worker died; starting it again',
      );
      await sleep(RESTART_MS);
      if (!isStopping) child = spawnWorker(options);
    }
  };
  const watching = watch();
  return {
    get pid() {
      return child.pid ?? 0;
    },
    get hasDied() {
      return hasDied;
    },
    lastWords: () => readLastWords(logOf(options.home)),
    stop: async () => {
      isStopping = true;
      await stopChild(child);
      await Promise.race([watching, sleep(RESTART_MS * 2, undefined, { ref: false })]);
    },
  };
}

function logOf(home: Home): string {
  return join(home.logs, 'worker.log');
}

/** The log is lines of JSON, up to what the worker writes when it gives up: its name and a sentence. */
async function readLastWords(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  const [, words] = /(?:^|\n)worker: ([^{]*)$/.exec(text.slice(-MAX_WORDS)) ?? [];
  return words?.trim() || `its log is ${log}`;
}

function spawnWorker(options: WorkerProcessOptions): ChildProcess {
  const handedOn = Object.fromEntries(
    Object.entries(options.environment).filter(([name]) => HANDED_ON.test(name)),
  );
  const log = openSync(logOf(options.home), 'a', 0o600);
  try {
    return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN], {
      // A pipe nobody writes to: its end tells the worker that the platform is gone, however it went.
      stdio: ['pipe', log, log],
      // A session of its own: Ctrl-C in the terminal reaches the platform, which then stops the worker in order.
      detached: true,
      env: {
        ...handedOn,
        API_BASE: options.apiBase,
        WORKER_JOIN_TOKEN: options.joinToken,
        WORKER_FOLDER: options.home.worker,
        WORKER_NAME: options.environment['WORKER_NAME'] ?? 'local',
        WORKER_STOP_ON_EOF: 'true',
      },
    });
  } finally {
    closeSync(log);
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.stdin?.end();
  const isLate = await Promise.race([
    exited.then(() => false),
    sleep(STOP_MS, true, { ref: false }),
  ]);
  if (isLate) child.kill('SIGKILL');
  await exited;
}
