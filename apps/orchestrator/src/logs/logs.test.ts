import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { logEventSchema, type Lease, type LogEvent } from '@nexus/grid/contract';

import { expireLeases } from '../queue/expire-leases.ts';
import type { FakeWorker } from '../testing/fake-worker.ts';
import { readEvents, submitBatch } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';

let plane: TestControlPlane;
let ana: TestAccount;
let worker: FakeWorker;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  worker = await plane.addWorker();
});

afterAll(() => plane.stop());

beforeEach(() => plane.database.query('delete from batches'));

async function lease(): Promise<Lease> {
  await submitBatch(ana.api);
  return worker.leaseOne();
}

async function read(id: string, query = ''): Promise<LogEvent[]> {
  return (await ana.api.lines(`/executions/${id}/logs?${query}`)).map((line) =>
    logEventSchema.parse(line),
  );
}

function bytesOf(events: readonly LogEvent[]): Buffer {
  return Buffer.concat(
    events.flatMap((event) =>
      event.type === 'chunk' ? [Buffer.from(event.chunk.data, 'base64')] : [],
    ),
  );
}

function positionsOf(events: readonly LogEvent[]): string[] {
  return events.flatMap((event) =>
    event.type === 'chunk' ? [`${event.chunk.epoch}:${event.chunk.sequence}`] : [],
  );
}

/** Row by row as they arrive, like a client on a terminal. */
async function* follow(id: string, query = ''): AsyncGenerator<LogEvent> {
  const response = await ana.api.raw(`/executions/${id}/logs?follow=true&${query}`);
  if (!response.body) throw new Error('no body');
  const input = Readable.fromWeb(response.body);
  try {
    for await (const line of createInterface({ input }))
      yield logEventSchema.parse(JSON.parse(line));
  } finally {
    // A reader that leaves hangs up.
    input.destroy();
  }
}

function chunk(
  sequence: number,
  bytes: Uint8Array | string,
  stream: 'stdout' | 'stderr' = 'stdout',
) {
  return { sequence, stream, data: Buffer.from(bytes).toString('base64') };
}

// Row 2.
test('bytes of both streams come back as they were, whatever they are', async () => {
  const held = await lease();
  const out = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256));
  const err = Buffer.from([0xff, 0xfe, 0, 0x0a, 0x0d, 0x1b]);
  await worker.log(held, [
    chunk(0, out.subarray(0, 500)),
    chunk(1, err, 'stderr'),
    chunk(2, out.subarray(500)),
    chunk(3, ''),
  ]);
  await worker.finish(held);
  const id = held.executionId;
  expect(bytesOf(await read(id, 'stream=stdout')).equals(out)).toBe(true);
  expect(bytesOf(await read(id, 'stream=stderr')).equals(err)).toBe(true);
  expect(positionsOf(await read(id))).toEqual(['1:0', '1:1', '1:2', '1:3']);
  expect((await read(id)).at(-1)).toMatchObject({
    type: 'end',
    execution: { id, state: 'succeeded' },
  });
});

test('chunks too large for the database are in storage, and read the same', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const held = await lease();
  const pieces = Array.from({ length: 20 }, () => randomBytes(200_000));
  for (const [sequence, piece] of pieces.entries()) {
    const blob = { sha256: await worker.upload(held, piece), sizeBytes: piece.length };
    await worker.log(held, [
      sequence % 3 === 2 ? chunk(sequence, piece) : { sequence, stream: 'stdout', blob },
    ]);
  }
  await worker.finish(held);
  const events = await read(held.executionId);
  expect(positionsOf(events)).toEqual(pieces.map((_, sequence) => `1:${sequence}`));
  expect(bytesOf(events).equals(Buffer.concat(pieces))).toBe(true);
  process.off('warning', note);
  // A reader slower than the log must not leave a listener behind for every time it was waited for.
  expect(warnings).toEqual([]);
});

test('a chunk sent twice is there once, and the first word counts', async () => {
  const held = await lease();
  await worker.log(held, [chunk(0, 'first'), chunk(0, 'twice in one call')]);
  await worker.log(held, [chunk(0, 'again'), chunk(1, 'second')]);
  await worker.finish(held);
  expect(bytesOf(await read(held.executionId)).toString()).toBe('firstsecond');
});

test('a chunk that points to bytes nobody sent is left out, and the log stays readable', async () => {
  const held = await lease();
  await worker.log(held, [
    { sequence: 0, blob: { sha256: 'a'.repeat(64), sizeBytes: 3 } },
    chunk(1, 'readable'),
  ]);
  await worker.finish(held);
  expect(bytesOf(await read(held.executionId)).toString()).toBe('readable');
});

test('a chunk with no bytes, or with two kinds of them, is refused', async () => {
  const held = await lease();
  const ref = { executionId: held.executionId, epoch: held.epoch, sequence: 0, stream: 'stdout' };
  const blob = { sha256: 'a'.repeat(64), sizeBytes: 3 };
  for (const more of [
    {},
    { data: 'YQ==', blob },
    { data: 'not base64!' },
    { data: 'YQ==', sequence: 2 ** 40 },
    { blob: { ...blob, sizeBytes: 2 ** 40 } },
  ]) {
    expect(
      (await worker.api.post('/exchange', { logs: [{ ...ref, ...more }] })).status,
      JSON.stringify(more),
    ).toBe(400);
  }
});

// Row 3, fault R14.
describe('following', () => {
  test('shows what comes while it comes, to the end', async () => {
    const held = await lease();
    const lines = follow(held.executionId);
    const next = async () => (await lines.next()).value as LogEvent;
    expect(await next()).toMatchObject({ type: 'attempt', epoch: 1 });
    for (const sequence of [0, 1, 2]) {
      await worker.log(held, [chunk(sequence, `line ${sequence}\n`)]);
      expect(await next()).toMatchObject({
        type: 'chunk',
        chunk: { sequence, data: chunk(sequence, `line ${sequence}\n`).data },
      });
    }
    await worker.exchange({
      logs: [{ executionId: held.executionId, epoch: 1, ...chunk(3, 'last') }],
      items: [],
    });
    await worker.finish(held, { outcome: 'failed', exitCode: 2 });
    expect(await next()).toMatchObject({ type: 'chunk', chunk: { sequence: 3 } });
    expect(await next()).toMatchObject({
      type: 'end',
      execution: { state: 'failed', exitCode: 2 },
    });
    expect((await lines.next()).done).toBe(true);
  });

  test('goes on after any cursor, and loses and repeats nothing', async () => {
    const held = await lease();
    const total = 40;
    await worker.log(
      held,
      Array.from({ length: total }, (_, sequence) =>
        chunk(sequence, `${sequence};`, sequence % 3 === 0 ? 'stderr' : 'stdout'),
      ),
    );
    await worker.finish(held);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -1, max: total }),
        fc.constantFrom('', 'stdout', 'stderr'),
        async (last, stream) => {
          const query = [last < 0 ? '' : `after=1:${last}`, stream === '' ? '' : `stream=${stream}`]
            .filter(Boolean)
            .join('&');
          const expected = Array.from({ length: total }, (_, n) => n).filter(
            (n) => n > last && (stream === '' || (n % 3 === 0) === (stream === 'stderr')),
          );
          expect(positionsOf(await read(held.executionId, query))).toEqual(
            expected.map((n) => `1:${n}`),
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  test('by a reader who is cut off all the time sees the same as one who is not', async () => {
    const held = await lease();
    const whole = (async () => {
      const all: LogEvent[] = [];
      for await (const event of follow(held.executionId)) all.push(event);
      return all;
    })();
    const cut = (async () => {
      const all: LogEvent[] = [];
      let after = '';
      for (;;) {
        let seen = 0;
        for await (const event of follow(held.executionId, after)) {
          all.push(event);
          if (event.type === 'end') return all;
          if (event.type === 'chunk') after = `after=${event.chunk.epoch}:${event.chunk.sequence}`;
          if (event.type === 'chunk' && (seen += 1) === 3) break;
        }
      }
    })();
    for (let sequence = 0; sequence < 60; sequence += 1)
      await worker.log(held, [chunk(sequence, randomBytes(10))]);
    await worker.finish(held);
    const [one, other] = await Promise.all([whole, cut]);
    expect(positionsOf(other)).toEqual(Array.from({ length: 60 }, (_, n) => `1:${n}`));
    expect(positionsOf(one)).toEqual(positionsOf(other));
    expect(bytesOf(one).equals(bytesOf(other))).toBe(true);
  });

  test('begins anew with the next attempt, and says so', async () => {
    const held = await lease();
    const lines = follow(held.executionId);
    const next = async () => (await lines.next()).value as LogEvent;
    await worker.log(held, [chunk(0, 'first try')]);
    expect([await next(), await next()]).toMatchObject([
      { type: 'attempt', epoch: 1 },
      { type: 'chunk' },
    ]);
    await plane.database.query("update executions set lease_until = now() - interval '1 second'");
    await expireLeases(plane.database, { maxTimesLost: 2, isCertain: false });
    const again = await worker.leaseOne();
    await worker.log(again, [chunk(0, 'second try')]);
    await worker.finish(again);
    expect(await next()).toMatchObject({ type: 'attempt', epoch: 2 });
    expect(await next()).toMatchObject({
      type: 'chunk',
      chunk: { epoch: 2, sequence: 0, data: chunk(0, 'second try').data },
    });
    expect(await next()).toMatchObject({ type: 'end' });
    expect(
      bytesOf(await read(held.executionId)).toString(),
      'what is kept is the attempt that counts',
    ).toBe('second try');
    expect(bytesOf(await read(held.executionId, 'after=1:0')).toString()).toBe('second try');
  });

  test('waits for what is not leased yet', async () => {
    const { batchId } = await submitBatch(ana.api);
    const lines = follow(`${batchId}-0`);
    const first = lines.next();
    const held = await worker.leaseOne();
    expect((await first).value).toMatchObject({ type: 'attempt', epoch: 1 });
    await worker.finish(held);
    expect((await lines.next()).value).toMatchObject({ type: 'end' });
  });

  test('ends at once without follow, whatever the state', async () => {
    const { batchId } = await submitBatch(ana.api);
    expect(await read(`${batchId}-0`)).toMatchObject([
      { type: 'end', execution: { state: 'queued' } },
    ]);
  });

  test.each([
    'after=1',
    'after=a:b',
    'after=1:-1',
    `after=1:${'9'.repeat(20)}`,
    'stream=both',
    'follow=maybe',
  ])('refuses %s', async (query) => {
    const { batchId } = await submitBatch(ana.api);
    expect((await ana.api.get(`/executions/${batchId}-0/logs?${query}`)).status).toBe(400);
  });
});

describe('the events of a batch', () => {
  test('bring small logs along, and none that are large', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 3 });
    const [small, large, silent] = await worker.lease(3);
    if (!small || !large || !silent) throw new Error('nothing leased');
    await worker.log(small, [chunk(0, 'out'), chunk(1, 'err', 'stderr')]);
    await worker.log(large, [chunk(0, Buffer.alloc(20_000))]);
    await worker.finish(small, { logs: { stdoutBytes: 3, stderrBytes: 3, droppedBytes: 0 } });
    await worker.finish(large, { logs: { stdoutBytes: 20_000, stderrBytes: 0, droppedBytes: 0 } });
    await worker.finish(silent);
    const events = await readEvents(ana.api, batchId, 'follow=true');
    const logs = new Map(
      events.flatMap((event) =>
        event.type === 'execution' ? [[event.execution.id, event.logs?.length]] : [],
      ),
    );
    expect(logs).toEqual(
      new Map([
        [small.executionId, 2],
        [large.executionId, undefined],
        [silent.executionId, 0],
      ]),
    );
    expect(events.at(-1)).toMatchObject({ type: 'end', batch: { counts: { succeeded: 3 } } });
  });

  test('go on after any version', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 30 });
    for (const held of await worker.lease(30)) await worker.finish(held);
    const all = await readEvents(ana.api, batchId);
    const versions = all.flatMap((event) => (event.type === 'execution' ? [event.version] : []));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(30);
    for (const at of [0, 7, 29]) {
      const rest = await readEvents(ana.api, batchId, `after=${versions[at]}`);
      expect(rest.flatMap((event) => (event.type === 'execution' ? [event.version] : []))).toEqual(
        versions.slice(at + 1),
      );
      expect(rest.at(-1)?.type).toBe('end');
    }
  });

  test('of more executions than one read takes come all', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 450 });
    await plane.database.query(
      "update executions set state = 'cancelled', finished_at = now(), version = nextval('execution_version')",
    );
    const events = await readEvents(ana.api, batchId, 'follow=true');
    expect(events.filter((event) => event.type === 'execution')).toHaveLength(450);
  });

  test('tell the counts as they change', async () => {
    const { batchId } = await submitBatch(ana.api, { executions: 2 });
    const response = await ana.api.raw(`/batches/${batchId}/events?follow=true`);
    if (!response.body) throw new Error('no body');
    const lines = createInterface({ input: Readable.fromWeb(response.body) })[
      Symbol.asyncIterator
    ]();
    const next = async () => JSON.parse((await lines.next()).value ?? 'null');
    expect(await next()).toMatchObject({ type: 'counts', counts: { queued: 2 } });
    const [first, second] = await worker.lease(2);
    expect(await next()).toMatchObject({ type: 'counts', counts: { leased: 2 } });
    if (first) await worker.finish(first);
    expect(await next()).toMatchObject({ type: 'execution', execution: { state: 'succeeded' } });
    expect(await next()).toMatchObject({ type: 'counts', counts: { leased: 1, succeeded: 1 } });
    if (second) await worker.finish(second);
    expect([await next(), await next(), await next()]).toMatchObject([
      { type: 'execution' },
      { type: 'counts' },
      { type: 'end' },
    ]);
    expect((await lines.next()).done).toBe(true);
  });
});
