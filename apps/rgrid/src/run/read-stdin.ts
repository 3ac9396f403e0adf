import { createHash } from 'node:crypto';
import {
  createWriteStream,
  fstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  type Stats,
} from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Context } from '../context.ts';
import type { BlobSource } from '../project/pack.ts';
import { readRange } from '../project/read-range.ts';

export interface ScriptStdin {
  sha256: string;
  sizeBytes: number;
  source: BlobSource;
  /** Removes the copy of what came through a pipe. */
  dispose(): void;
}

/** How long an open pipe may stay silent before it is taken for one that nobody writes to. */
const SILENCE_MS = 100;
const NOTICE_MS = 1000;

/**
 * What the script shall read from its stdin; undefined for nothing.
 *
 * - A terminal, a device or a closed stdin: nothing.
 * - A regular file: its bytes from where it stands.
 * - A pipe: all that comes through it, to its end. Whether anybody will ever write to a pipe cannot
 *   be known. At a terminal a person has typed the pipeline, so it is waited for. Elsewhere (cron,
 *   CI) a process often inherits a pipe that nobody uses, and a run must not hang on that: without a
 *   first byte or the end within 100 ms it counts as nothing. `--stdin` waits in any case.
 */
export async function readStdin(
  context: Context,
  mode: 'auto' | 'required',
): Promise<ScriptStdin | undefined> {
  const { fd } = context.stdin;
  const stats = statOf(fd);
  if (stats?.isFile()) return readFile(fd, stats);
  const isPipe = stats?.isFIFO() || stats?.isSocket();
  if (!isPipe && !(mode === 'required' && context.stdin.isTerminal)) return undefined;
  const { Socket } = await import('node:net');
  const stream = new Socket({ fd, readable: true, writable: false });
  const isPatient = mode === 'required' || context.stderr.isTerminal;
  if (await hasFirstByte(stream, isPatient ? context : undefined)) return spool(stream);
  stream.destroy();
  return undefined;
}

function statOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    // Closed (`<&-`).
    return undefined;
  }
}

async function readFile(fd: number, stats: Stats): Promise<ScriptStdin | undefined> {
  const start = filePosition(fd);
  const sizeBytes = Math.max(0, stats.size - start);
  if (sizeBytes === 0) return undefined;
  const source: BlobSource = { path: `/dev/fd/${fd}`, start, sizeBytes };
  const digest = createHash('sha256');
  for await (const piece of readRange({ ...source, start })) digest.update(piece);
  return { sha256: digest.digest('hex'), sizeBytes, source, dispose: () => undefined };
}

/** `(read line; rgrid run x.py) < file` has read a part already. Only Linux tells; elsewhere it is 0. */
function filePosition(fd: number): number {
  try {
    return Number(/^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Whether something comes; false for an end without a byte, or for silence if nobody is patient. */
async function hasFirstByte(stream: Socket, patience: Context | undefined): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    const onSilence = () => {
      if (patience)
        void patience.stderr.line('rgrid: waiting for stdin (--no-stdin runs without it)');
      else finish(false);
    };
    const timer = setTimeout(onSilence, patience ? NOTICE_MS : SILENCE_MS);
    const finish = (hasCome: boolean) => {
      clearTimeout(timer);
      stream.removeAllListeners();
      resolve(hasCome);
    };
    stream.on('readable', () => finish(stream.readableLength > 0));
    stream.on('end', () => finish(false));
    stream.on('error', () => finish(false));
  });
}

async function spool(stream: Readable): Promise<ScriptStdin> {
  const folder = mkdtempSync(join(tmpdir(), 'rgrid-stdin-'));
  const path = join(folder, 'stdin');
  const digest = createHash('sha256');
  let sizeBytes = 0;
  await pipeline(
    stream,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        digest.update(chunk);
        sizeBytes += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(path, { mode: 0o600 }),
  );
  const dispose = () => rmSync(folder, { recursive: true, force: true });
  return { sha256: digest.digest('hex'), sizeBytes, source: { path, sizeBytes }, dispose };
}
