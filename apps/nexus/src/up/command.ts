import type { Command } from 'commander';

import { homeAt, type Home } from '../home.ts';
import { Problem } from '../problem.ts';
import { hasRealCloud } from './cloud.ts';
import { runFirstJob } from './first-job.ts';
import { growAndShrink } from './grow-and-shrink.ts';
import { startPlatform, type Platform } from './platform.ts';
import { Screen } from './screen.ts';

interface UpOptions {
  once?: boolean;
  /** false: --no-first-job */
  firstJob: boolean;
  cloud?: boolean;
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
    .option('--cloud', 'keep the simulated cloud: servers come and go with your own work, too')
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
    const exitCode = await runGuidedJobs(options, {
      home,
      environment,
      screen,
      platform,
      signal: interrupted.signal,
    });
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

interface Guided {
  home: Home;
  environment: NodeJS.ProcessEnv;
  screen: Screen;
  platform: Platform;
  signal: AbortSignal;
}

/** Shows what the platform does, each part once. Returns the exit code of the first that failed. */
async function runGuidedJobs(options: UpOptions, guided: Guided): Promise<number> {
  const { environment, platform, signal } = guided;
  const isReal = hasRealCloud(environment);
  if (options.firstJob) {
    const exitCode = await runFirstJob(guided);
    if (exitCode !== 0 || signal.aborted) return exitCode;
  }
  if (!options.firstJob && options.cloud !== true && !isReal) return 0;
  const cloud = await platform.startCloud();
  if (!options.firstJob || isReal) return 0;
  const { database } = platform;
  const exitCode = await growAndShrink(guided, { cloud, database });
  if (options.cloud !== true) await cloud.stop();
  return exitCode;
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
