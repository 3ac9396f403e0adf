import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';

/** A service of the platform as a process of its own, so that it can be killed. */
export class ServiceProcess {
  readonly #main: string;
  readonly #env: Record<string, string>;
  readonly #logPath: string;
  #child: ChildProcess | undefined;

  constructor(options: { main: string; env: Record<string, string>; logPath: string }) {
    this.#main = options.main;
    this.#env = options.env;
    this.#logPath = options.logPath;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    const log = openSync(this.#logPath, 'a');
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', this.#main], {
      stdio: ['pipe', log, log],
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/tmp', ...this.#env },
    });
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** Freezes it, as a machine that hangs would; `SIGCONT` lets it go on. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }
}
