import type { ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SandboxStdin } from './driver.ts';
import type { FifoPool } from './fifo-pool.ts';
import { STDERR_FD } from './launch-script.ts';
import { closeQuietly } from './scratch-directory.ts';

/** What goes into spawn's stdio for the script's three streams. */
export interface SandboxStdio {
  stdin: number | 'pipe' | 'ignore';
  stdout: number | 'pipe';
  stderr: number | 'pipe';
  /** The worker's ends, once the launcher runs. The script's ends are closed here. Only pipes of Node's need the child. */
  connect(child: ChildProcess | null): { stdout: Readable; stderr: Readable };
  abandon(): void;
}

interface InputEnds {
  scriptEnd: number | 'pipe' | 'ignore';
  /** null for the empty input and for files, which the script reads without us. */
  workerFd: number | null;
}

async function openInput(fifos: FifoPool | null, stdin: SandboxStdin): Promise<InputEnds> {
  switch (stdin.kind) {
    case 'empty':
      return { scriptEnd: 'ignore', workerFd: null };
    case 'file':
      return { scriptEnd: openSync(stdin.path, 'r'), workerFd: null };
    case 'stream': {
      if (fifos === null) return { scriptEnd: 'pipe', workerFd: null };
      const { scriptFd, workerFd } = await fifos.open('script');
      return { scriptEnd: scriptFd, workerFd };
    }
  }
}

/**
 * A script may end without reading its input (EPIPE), and its owner learns of a broken source
 * from the source; neither changes how the execution ends.
 */
function feed(stdin: SandboxStdin, sink: Writable | null): void {
  if (stdin.kind !== 'stream' || sink === null) return;
  void pipeline(stdin.stream, sink).catch(() => undefined);
}

function readerOf(fd: number): Readable {
  return new Socket({ fd, readable: true, writable: false });
}

function childStream(child: ChildProcess | null, fd: number): Readable {
  const stream = child?.stdio[fd];
  // A failed spawn leaves no stream; the caller then only sees an end.
  return stream instanceof Readable ? stream : Readable.from([]);
}

/** Where named pipes cannot be made (macOS), Node's own socket pairs have to do. */
async function openSocketStdio(spec: SandboxStdin): Promise<SandboxStdio> {
  const input = await openInput(null, spec);
  return {
    stdin: input.scriptEnd,
    stdout: 'pipe',
    stderr: 'pipe',
    connect(child) {
      if (typeof input.scriptEnd === 'number') closeQuietly(input.scriptEnd);
      feed(spec, child?.stdin ?? null);
      return { stdout: childStream(child, 1), stderr: childStream(child, STDERR_FD) };
    },
    abandon() {
      if (typeof input.scriptEnd === 'number') closeQuietly(input.scriptEnd);
    },
  };
}

export async function openStdio(
  fifos: FifoPool | null,
  stdin: SandboxStdin,
): Promise<SandboxStdio> {
  if (fifos === null) return openSocketStdio(stdin);
  const input = await openInput(fifos, stdin);
  const out = await fifos.open('worker');
  const err = await fifos.open('worker');
  const scriptFds = [out.scriptFd, err.scriptFd];
  if (typeof input.scriptEnd === 'number') scriptFds.push(input.scriptEnd);
  return {
    stdin: input.scriptEnd,
    stdout: out.scriptFd,
    stderr: err.scriptFd,
    connect() {
      for (const fd of scriptFds) closeQuietly(fd);
      const sink =
        input.workerFd === null
          ? null
          : new Socket({ fd: input.workerFd, readable: false, writable: true });
      feed(stdin, sink);
      return { stdout: readerOf(out.workerFd), stderr: readerOf(err.workerFd) };
    },
    abandon() {
      for (const fd of [...scriptFds, out.workerFd, err.workerFd]) closeQuietly(fd);
      if (input.workerFd !== null) closeQuietly(input.workerFd);
    },
  };
}
