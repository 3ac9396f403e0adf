import type { Command } from 'commander';

import { homeAt } from '../home.ts';
import { Problem } from '../problem.ts';
import { runFirstJob } from './first-job.ts';
import { startPlatform, type Platform } from './platform.ts';
import { Screen } from './screen.ts';

interface UpOptions {
  once?: boolean;
  /** false: --no-first-job */
  firstJob: boolean;
  port: string;
  host: string;
}

/** Longer than any part needs; whatever hangs then is left behind for its guard to end. */
const STOP_MS = 4500;

export function addUpCommand(program: Command, environment: NodeJS.ProcessEnv): void {
  program
    .command('up')
    .description('start the platform on this machine and run a first job on it')
    .option('--once', 'stop after the first job')
    .option('--no-first-job', 'only start')
    .option('--port <port>', 'port of the API', environment['PORT'] ?? '8000')
    .option('--host <address>', 'address to listen on', environment['HOST'] ?? '127.0.0.1')
    .action((options: UpOptions) => up(options, environment));
}

async function up(options: UpOptions, environment: NodeJS.ProcessEnv): Promise<void> {
  const screen = new Screen(process.stdout);
  const home = homeAt(environment);
  const interrupted = onInterrupt();
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Problem(`${options.port} is not a port`);
  const platform = await startPlatform({
    home,
    environment,
    host: options.host,
    port,
    onBegin: () => screen.title('Starting the platform'),
    onStep: (text) => screen.step(text),
  });
  try {
    screen.ready(platform.apiUrl, home);
    const job = options.firstJob
      ? runFirstJob({ home, environment, screen, signal: interrupted.signal })
      : undefined;
    const exitCode = (await job) ?? 0;
    if (options.once) {
      process.exitCode = exitCode;
      return;
    }
    if (!interrupted.signal.aborted) screen.next(home);
    await interrupted.promise;
    screen.title('Stopping');
  } finally {
    await stopWithin(platform);
  }
  process.exit();
}

function onInterrupt(): { promise: Promise<void>; signal: AbortSignal } {
  const controller = new AbortController();
  const promise = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        controller.abort();
        resolve();
      });
    }
  });
  return { promise, signal: controller.signal };
}

async function stopWithin(platform: Platform): Promise<void> {
  const timer = setTimeout(() => process.exit(process.exitCode ?? 1), STOP_MS);
  await platform.stop();
  clearTimeout(timer);
}
