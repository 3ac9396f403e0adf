import {
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { afterAll } from 'vitest';

import { runCommandLine } from '../cli.ts';
import type { Context } from '../context.ts';
import { Output } from '../terminal/output.ts';
import type { FakePlatform } from './fake-platform.ts';

export interface CliResult {
  exitCode: number;
  stdout: string;
  stderr: string;
  stdoutBytes: Buffer;
}

export interface CliOptions {
  cwd: string;
  home?: string;
  env?: Record<string, string>;
  /** What the process finds in its stdin, as a regular file; absent: /dev/null. */
  stdin?: string;
  /** Called with a function that sends a signal to the command. */
  onSignals?: (send: (signal: 'SIGINT' | 'SIGTERM') => void) => void;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder of its own for a test; removed after the last one of the file. */
export function makeFolder(name: string, files: Readonly<Record<string, string>> = {}): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `rgrid-${name}-`)));
  folders.push(folder);
  for (const [path, content] of Object.entries(files)) {
    const slash = path.lastIndexOf('/');
    if (slash > 0) mkdirSync(join(folder, path.slice(0, slash)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

const NOBODY = 65_534;

/** Root may do everything; as root the work is done by a user who may not, and to whom the folder is given. */
export async function asOrdinaryUser<T>(folder: string, work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  chownSync(folder, NOBODY, NOBODY);
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** One command line from words to exit code, in this process. */
export async function runCli(
  platform: Pick<FakePlatform, 'url' | 'key'>,
  words: readonly string[],
  options: CliOptions,
): Promise<CliResult> {
  const stdout = new Collector();
  const stderr = new Collector();
  const listeners = new Set<(signal: 'SIGINT' | 'SIGTERM') => void>();
  options.onSignals?.((signal) => {
    for (const listener of listeners) listener(signal);
  });
  const fd = openStdin(options.stdin);
  const env = { RGRID_API_URL: platform.url, RGRID_API_KEY: platform.key, ...options.env };
  const context: Context = {
    env,
    cwd: options.cwd,
    home: options.home ?? makeFolder('home'),
    stdin: { fd, isTerminal: false },
    retries: { attempts: 5, firstDelayMs: 1, maxDelayMs: 1 },
    stdout: new Output(stdout, env),
    stderr: new Output(stderr, env),
    signals: {
      listen: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
  const exitCode = await runCommandLine(context, words);
  closeSync(fd);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text(), stdoutBytes: stdout.bytes() };
}

function openStdin(content: string | undefined): number {
  if (content === undefined) return openSync('/dev/null', 'r');
  const path = join(makeFolder('stdin'), 'stdin');
  writeFileSync(path, content);
  return openSync(path, 'r');
}

class Collector extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    done();
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  text(): string {
    return this.bytes().toString();
  }
}
