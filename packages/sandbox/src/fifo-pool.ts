import { execFile } from 'node:child_process';
import { constants, openSync, unlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import type { LauncherShells } from './launcher-shells.ts';
import { closeQuietly, type ScratchDirectory } from './scratch-directory.ts';
import { shellQuote } from './shell-quote.ts';

const BATCH = 32;

async function run(command: string[], shells: LauncherShells | null): Promise<void> {
  const [file = '', ...args] = command;
  if (shells === null) return void (await promisify(execFile)(file, args));
  const code = await shells.run(`exec ${command.map(shellQuote).join(' ')}\n`).exited;
  if (code !== 0) throw new Error(`${file} ended with code ${code}`);
}

/**
 * Node connects children by socket pairs, and on a socket `echo x > /dev/stderr`, which scripts
 * do a lot, fails with ENXIO. Named pipes behave as in a terminal's `a | b`. Node cannot make
 * one, so `mkfifo` makes them in batches ahead of need.
 */
export interface FifoPool {
  /** Both ends are open and the name is gone; the caller closes both. */
  open(reader: 'worker' | 'script'): Promise<{ workerFd: number; scriptFd: number }>;
}

const NONBLOCK_READ = constants.O_RDONLY | constants.O_NONBLOCK;
const NONBLOCK_WRITE = constants.O_WRONLY | constants.O_NONBLOCK;

function openForWorkerReading(path: string): { workerFd: number; scriptFd: number } {
  const workerFd = openSync(path, NONBLOCK_READ);
  // The script's end blocks: most programs cannot handle EAGAIN on stdout.
  return { workerFd, scriptFd: openSync(path, constants.O_WRONLY) };
}

function openForScriptReading(path: string): { workerFd: number; scriptFd: number } {
  // A writer cannot open without a reader, and a blocking reader not without a writer.
  const opener = openSync(path, NONBLOCK_READ);
  const workerFd = openSync(path, NONBLOCK_WRITE);
  const scriptFd = openSync(path, constants.O_RDONLY);
  closeQuietly(opener);
  return { workerFd, scriptFd };
}

/** null where there is no `mkfifo`, or no /dev/fd that opens its pipes anew (macOS). */
export function createFifoPool(
  scratch: ScratchDirectory,
  mkfifo: string | undefined,
  shells: LauncherShells | null,
): FifoPool | null {
  if (process.platform !== 'linux' || mkfifo === undefined) return null;
  const command = [mkfifo, '-m', '666'];
  const ready: string[] = [];
  let filling: Promise<void> | null = null;

  async function fill(): Promise<void> {
    const paths = Array.from({ length: BATCH }, () => scratch.newPath('fifo'));
    // 666: the script's uid may open /dev/stdout anew; the directory keeps everybody else out.
    await run([...command, ...paths], shells);
    ready.push(...paths);
  }

  function refill(): Promise<void> {
    filling ??= fill().finally(() => {
      filling = null;
    });
    return filling;
  }

  return {
    async open(reader) {
      while (ready.length === 0) await refill();
      const path = ready.pop();
      if (path === undefined) throw new Error('could not make a pipe for the script');
      // A failed refill shows when the pool is empty and the next caller waits for it.
      if (ready.length < BATCH / 2) refill().catch(() => undefined);
      try {
        return reader === 'worker' ? openForWorkerReading(path) : openForScriptReading(path);
      } finally {
        unlinkSync(path);
      }
    },
  };
}
