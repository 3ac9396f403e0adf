import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { sha256 } from '@nexus/kit/hash';

import { FolderBlobStore } from './folder-blob-store.ts';

let folder: string;
let store: FolderBlobStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-storage-'));
  store = await FolderBlobStore.open(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const MB = 1 << 20;

function append(
  name: string,
  bytes: Uint8Array,
  more: { owner?: string; offset?: number; sizeBytes?: number; body?: Readable } = {},
) {
  const {
    owner = 'ana',
    offset = 0,
    sizeBytes = bytes.length,
    body = Readable.from([Buffer.from(bytes)]),
  } = more;
  return store.append({ owner, sha256: name }, { offset, sizeBytes, body });
}

async function uploads(): Promise<string[]> {
  return readdir(join(folder, 'uploads'));
}

describe('bytes that fit in memory', () => {
  test('are named by their hash, and put twice are here once', async () => {
    const names = await Promise.all(
      Array.from({ length: 10 }, () => store.put(Buffer.from('abc'))),
    );
    expect(new Set(names)).toEqual(new Set([sha256('abc')]));
    expect(await store.sizeOf(sha256('abc'))).toBe(3);
    expect((await store.read(sha256('abc'))).toString()).toBe('abc');
    expect(await uploads()).toEqual([]);
  });

  test('may be none', async () => {
    const name = await store.put(Buffer.alloc(0));
    expect(await store.sizeOf(name)).toBe(0);
    expect(await buffer(await store.open(name))).toEqual(Buffer.alloc(0));
  });

  test('are readable by their owner alone', async () => {
    const name = await store.put(Buffer.from('private'));
    const path = join(folder, 'blobs', name.slice(0, 2), name.slice(2));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'blobs', name.slice(0, 2)))).mode & 0o777).toBe(0o700);
  });
});

test('what is not here is said so', async () => {
  const name = sha256('never put');
  expect(await store.sizeOf(name)).toBeUndefined();
  await expect(store.read(name)).rejects.toMatchObject({ code: 'not_found' });
  await expect(store.open(name)).rejects.toMatchObject({ code: 'not_found' });
  expect(await store.delete(name, new Date())).toBe(false);
});

test('a range is inclusive at both ends', async () => {
  const name = await store.put(Buffer.from('0123456789'));
  expect((await buffer(await store.open(name, { start: 2, end: 4 }))).toString()).toBe('234');
  expect((await buffer(await store.open(name, { start: 9, end: 9 }))).toString()).toBe('9');
});

test('what is deleted is gone, unless it came too lately', async () => {
  const name = await store.put(Buffer.from('to be deleted'));
  expect(await store.delete(name, new Date(Date.now() - 60_000))).toBe(false);
  expect(await store.delete(name, new Date(Date.now() + 60_000))).toBe(true);
  expect(await store.sizeOf(name)).toBeUndefined();
});

test('the list names every blob once', async () => {
  const own = await FolderBlobStore.open(join(folder, 'listed'));
  const names = await Promise.all(
    Array.from({ length: 300 }, (_, n) => own.put(Buffer.from(`blob ${n}`))),
  );
  const listed: string[] = [];
  for await (const some of own.list()) listed.push(...some);
  expect(listed.toSorted()).toEqual(names.toSorted());
});

describe('an upload', () => {
  test.each([0, 1, MB, MB + 1, 3 * MB])('of %i bytes in one piece is complete', async (size) => {
    const bytes = randomBytes(size);
    expect(await append(sha256(bytes), bytes)).toEqual({ kind: 'complete' });
    expect((await store.read(sha256(bytes))).equals(bytes)).toBe(true);
    expect(await uploads()).toEqual([]);
  });

  test('in any pieces gives the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: MB + 1, max: 2 * MB }),
        fc.array(fc.integer({ min: 1, max: MB }), { minLength: 1, maxLength: 6 }),
        async (size, pieces) => {
          const bytes = randomBytes(size);
          const name = sha256(bytes);
          let offset = 0;
          for (const piece of [...pieces, size]) {
            const part = bytes.subarray(offset, Math.min(size, offset + piece));
            const result = await append(name, part, { offset, sizeBytes: size });
            offset += part.length;
            expect(result).toEqual(
              offset === size ? { kind: 'complete' } : { kind: 'partial', offset },
            );
            if (offset === size) break;
            expect(await store.uploadedBytes({ owner: 'ana', sha256: name })).toBe(offset);
            expect(await store.sizeOf(name)).toBeUndefined();
          }
          expect((await store.read(name)).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 12 },
    );
  });

  test('that is cut keeps what came, and goes on from there in another process', async () => {
    const bytes = randomBytes(3 * MB);
    const name = sha256(bytes);
    const body = new PassThrough();
    body.write(bytes.subarray(0, 2 * MB));
    const cut = append(name, bytes, { body });
    await expect.poll(() => store.uploadedBytes({ owner: 'ana', sha256: name })).toBe(2 * MB);
    body.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
    expect(await cut).toEqual({ kind: 'partial', offset: 2 * MB });
    const another = await FolderBlobStore.open(folder);
    expect(await another.uploadedBytes({ owner: 'ana', sha256: name })).toBe(2 * MB);
    const rest = {
      offset: 2 * MB,
      sizeBytes: bytes.length,
      body: Readable.from([bytes.subarray(2 * MB)]),
    };
    expect(await another.append({ owner: 'ana', sha256: name }, rest)).toEqual({
      kind: 'complete',
    });
    expect((await store.read(name)).equals(bytes)).toBe(true);
  });

  test.each([10, 2 * MB])('of %i wrong bytes is dropped', async (size) => {
    const name = sha256(randomBytes(8));
    expect(await append(name, randomBytes(size))).toEqual({ kind: 'digest_mismatch' });
    expect([
      await store.sizeOf(name),
      await store.uploadedBytes({ owner: 'ana', sha256: name }),
      await uploads(),
    ]).toEqual([undefined, 0, []]);
  });

  test.each([10, 2 * MB])(
    'of more than the %i bytes it announced is dropped when all of it was read, and fills no disk meanwhile',
    async (size) => {
      const bytes = randomBytes(size + 8 * MB);
      const name = sha256(bytes);
      let largest = 0;
      const body = Readable.from(
        (async function* () {
          for (let at = 0; at < bytes.length; at += MB) {
            yield bytes.subarray(at, at + MB);
            largest = Math.max(largest, await store.uploadedBytes({ owner: 'ana', sha256: name }));
          }
        })(),
      );
      expect(await append(name, bytes, { sizeBytes: size, body })).toEqual({
        kind: 'digest_mismatch',
      });
      // Of a request, the rest would stand before the next one on the same connection.
      expect(body.readableEnded).toBe(true);
      expect(largest).toBeLessThanOrEqual(size);
      expect(await uploads()).toEqual([]);
    },
  );

  test('at another offset than it stands takes nothing', async () => {
    const bytes = randomBytes(3 * MB);
    const name = sha256(bytes);
    expect(await append(name, bytes, { offset: 5 })).toEqual({
      kind: 'offset_mismatch',
      offset: 0,
    });
    await append(name, bytes.subarray(0, MB + 3), { sizeBytes: bytes.length });
    for (const offset of [0, MB, 3 * MB]) {
      expect(await append(name, bytes, { offset })).toEqual({
        kind: 'offset_mismatch',
        offset: MB + 3,
      });
    }
  });

  test('of one owner is not the upload of another', async () => {
    const bytes = randomBytes(2 * MB);
    const name = sha256(bytes);
    await append(name, bytes.subarray(0, MB + 1), { sizeBytes: bytes.length });
    expect(await store.uploadedBytes({ owner: 'bruno', sha256: name })).toBe(0);
    expect(await append(name, randomBytes(2 * MB), { owner: 'bruno' })).toEqual({
      kind: 'digest_mismatch',
    });
    expect(
      await append(name, bytes.subarray(MB + 1), { offset: MB + 1, sizeBytes: bytes.length }),
    ).toEqual({ kind: 'complete' });
  });

  test('of the same bytes by many at once ends with one blob, and each hears something true', async () => {
    const bytes = randomBytes(2 * MB);
    const name = sha256(bytes);
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, n) => append(name, bytes, { owner: `owner ${n % 2}` })),
    );
    for (const result of results) expect(result).toEqual({ kind: 'complete' });
    expect((await store.read(name)).equals(bytes)).toBe(true);
    expect((await uploads()).filter((file) => file.includes(name))).toEqual([]);
  });
});

test('uploads that nobody went on with are swept, by their age', async () => {
  const [old, young] = ['1', '2'].map((digit) => digit.repeat(64));
  for (const name of [old, young])
    await append(name ?? '', randomBytes(2 * MB), { sizeBytes: 3 * MB });
  await utimes(join(folder, 'uploads', `ana-${old}.part`), new Date(0), new Date(0));
  expect(await store.sweepUploads(new Date(Date.now() - 60_000))).toBe(1);
  expect((await uploads()).filter((name) => /-[12]+\.part/.test(name))).toEqual([
    `ana-${young}.part`,
  ]);
});
