import type { Readable } from 'node:stream';

import type { LeaseRef, LogItem } from '@nexus/grid/contract';
import { MaskingStream } from '@nexus/workspace';

export interface LogSink {
  /** Resolves when there is room for more: slow uploads slow the script down instead of filling memory. */
  push(item: LogItem): Promise<void>;
  /** Uploads a large chunk; resolves to its reference. */
  upload(bytes: Buffer): Promise<{ sha256: string; sizeBytes: number }>;
}

export interface LogPumpOptions {
  lease: LeaseRef;
  masked: readonly string[];
  /** Both streams together; beyond it the head and the last TAIL_BYTES are kept. */
  limitBytes: number;
  sink: LogSink;
}

export interface LogTotals {
  stdoutBytes: number;
  stderrBytes: number;
  droppedBytes: number;
}

/** Small writes within this time travel as one chunk. */
const GATHER_MS = 50;
const MAX_CHUNK_BYTES = 1 << 20;
/** Larger chunks go to storage, not into the database. */
const INLINE_BYTES = 32 * 1024;
const TAIL_BYTES = 1 << 20;

type StreamName = 'stdout' | 'stderr';

/** Carries both streams of a script to the control plane, byte for byte, in numbered chunks. */
export class LogPump {
  readonly #options: LogPumpOptions;
  readonly #totals: LogTotals = { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 };
  #sequence = 0;
  #sentBytes = 0;

  constructor(options: LogPumpOptions) {
    this.#options = options;
  }

  /** Reads both to their ends. */
  async run(streams: { stdout: Readable; stderr: Readable }): Promise<LogTotals> {
    await Promise.all([
      this.#carry('stdout', streams.stdout),
      this.#carry('stderr', streams.stderr),
    ]);
    return this.#totals;
  }

  /** A line of the platform's own, on stderr. */
  async say(text: string): Promise<void> {
    await this.#send('stderr', Buffer.from(text));
  }

  async #carry(name: StreamName, source: Readable): Promise<void> {
    const { masked } = this.#options;
    const stream = masked.length > 0 ? source.pipe(new MaskingStream(masked)) : source;
    const tail = new Tail();
    const gathered = new Gatherer((bytes) => this.#accept(name, bytes, tail));
    for await (const chunk of stream as AsyncIterable<Buffer>) await gathered.add(chunk);
    await gathered.flush();
    await this.#sendTail(name, tail);
  }

  async #accept(name: StreamName, bytes: Buffer, tail: Tail): Promise<void> {
    const room = Math.max(0, this.#options.limitBytes - this.#sentBytes);
    const head = bytes.subarray(0, room);
    if (head.length > 0) await this.#send(name, head);
    if (head.length < bytes.length)
      this.#totals.droppedBytes += tail.add(bytes.subarray(head.length));
  }

  async #sendTail(name: StreamName, tail: Tail): Promise<void> {
    const bytes = tail.take();
    for (let at = 0; at < bytes.length; at += MAX_CHUNK_BYTES) {
      await this.#send(name, bytes.subarray(at, at + MAX_CHUNK_BYTES));
    }
  }

  async #send(stream: StreamName, bytes: Buffer): Promise<void> {
    const sequence = this.#sequence;
    this.#sequence += 1;
    this.#sentBytes += bytes.length;
    this.#totals[stream === 'stdout' ? 'stdoutBytes' : 'stderrBytes'] += bytes.length;
    const { lease, sink } = this.#options;
    const base = { ...lease, sequence, stream };
    if (bytes.length <= INLINE_BYTES) await sink.push({ ...base, data: bytes.toString('base64') });
    else await sink.push({ ...base, blob: await sink.upload(bytes) });
  }
}

/** Joins chunks until they are many or old. */
class Gatherer {
  readonly #send: (bytes: Buffer) => Promise<void>;
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(send: (bytes: Buffer) => Promise<void>) {
    this.#send = send;
  }

  async add(chunk: Buffer): Promise<void> {
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes >= MAX_CHUNK_BYTES) await this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#sizeBytes = 0;
    if (bytes.length > 0) {
      this.#sending = this.#sending.then(() => this.#send(bytes));
      // Whoever flushes next sees the failure; until then it must not count as unhandled.
      this.#sending.catch(() => undefined);
    }
    return this.#sending;
  }
}

/** The last TAIL_BYTES of what went through. */
class Tail {
  #chunks: Buffer[] = [];
  #sizeBytes = 0;

  /** Returns how many bytes fell out at the front. */
  add(bytes: Buffer): number {
    this.#chunks.push(bytes);
    this.#sizeBytes += bytes.length;
    let dropped = 0;
    for (
      let first = this.#chunks[0];
      first && this.#sizeBytes - first.length >= TAIL_BYTES;
      first = this.#chunks[0]
    ) {
      this.#chunks.shift();
      this.#sizeBytes -= first.length;
      dropped += first.length;
    }
    return dropped;
  }

  take(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
