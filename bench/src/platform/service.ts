import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Service {
  pid: number;
  /** Asks it to end and waits until it has. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  logPath: string;
  cwd?: string;
}

const STOP_MS = 15_000;

/** A process of its own that never outlives the benchmark that started it. */
export function startService(options: ServiceOptions): Service {
  const log = openSync(options.logPath, 'a');
  const child = spawn(options.command, [...options.args], {
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/tmp', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  closeSync(log);
  const kill = () => child.kill('SIGTERM');
  process.once('exit', kill);
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      process.removeListener('exit', kill);
      await end(child);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(timer);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}

export async function waitUntil(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 25) {
    if (await isSo().catch(() => false)) return;
    await sleep(25);
  }
  throw new Error(`waited 30 s in vain for ${what}`);
}
