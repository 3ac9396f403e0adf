import { once } from 'node:events';
import { PassThrough, type Duplex, type Readable } from 'node:stream';

const HEADER_BYTES = 8;

/** Resolves when there is room again, or when nobody reads any more. */
async function writeAll(target: PassThrough, piece: Buffer): Promise<void> {
  if (target.destroyed || target.write(piece)) return;
  const stop = new AbortController();
  const { signal } = stop;
  await Promise.race([once(target, 'drain', { signal }), once(target, 'close', { signal })]);
  stop.abort();
}

/** A frame is one byte of stream (1 stdout, 2 stderr), three of nothing and four of length. */
async function split(
  source: AsyncIterable<unknown>,
  targets: readonly [PassThrough, PassThrough],
): Promise<void> {
  let header = Buffer.alloc(0);
  let left = 0;
  let target = targets[0];
  for await (const piece of source) {
    // A socket without an encoding delivers buffers.
    let chunk = piece as Buffer;
    while (chunk.length > 0) {
      if (left === 0) {
        const missing = HEADER_BYTES - header.length;
        header = Buffer.concat([header, chunk.subarray(0, missing)]);
        chunk = chunk.subarray(missing);
        if (header.length < HEADER_BYTES) break;
        target = targets[header[0] === 2 ? 1 : 0];
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
      }
      const body = chunk.subarray(0, left);
      chunk = chunk.subarray(body.length);
      left -= body.length;
      if (body.length > 0) await writeAll(target, body);
    }
  }
}

/**
 * Takes the engine's two-in-one stream apart. dockerode's own demuxer ignores what `write`
 * answers and would hold a gigabyte of output in memory.
 */
export function splitDockerOutput(source: Duplex): { stdout: Readable; stderr: Readable } {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const end = (): void => {
    stdout.end();
    stderr.end();
  };
  // A broken connection ends the output; how the execution ended is asked of the engine.
  void split(source, [stdout, stderr]).then(end, end);
  return { stdout, stderr };
}
