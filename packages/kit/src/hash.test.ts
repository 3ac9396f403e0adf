import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { canonicalJson, HashingStream, sha256, sha256OfFile } from './hash.ts';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

test('the hash is SHA-256, of text, bytes, streams and files alike', async () => {
  expect([sha256(''), sha256('abc'), sha256(Buffer.from('abc'))]).toEqual([EMPTY, ABC, ABC]);
  const folder = await mkdtemp(join(tmpdir(), 'kit-hash-'));
  await writeFile(join(folder, 'abc'), 'abc');
  expect(await sha256OfFile(join(folder, 'abc'))).toBe(ABC);
  await expect(sha256OfFile(join(folder, 'abc'), AbortSignal.abort())).rejects.toThrow();
  await expect(sha256OfFile(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'ENOENT' });
  await rm(folder, { recursive: true });
  const hashing = new HashingStream();
  const seen: Buffer[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => (seen.push(chunk), done()),
  });
  await pipeline(Readable.from([Buffer.from('a'), Buffer.from('bc')]), hashing, sink);
  expect([hashing.digest(), hashing.sizeBytes, Buffer.concat(seen).toString()]).toEqual([
    ABC,
    3,
    'abc',
  ]);
});

test('JSON of the same content is the same text, whatever the order of its keys', () => {
  expect(canonicalJson({ b: 1, a: { d: [3, { z: 1, y: 2 }], c: null } })).toBe(
    '{"a":{"c":null,"d":[3,{"y":2,"z":1}]},"b":1}',
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (record) => {
      const turned = Object.fromEntries(Object.entries(record).toReversed());
      expect(canonicalJson(turned)).toBe(canonicalJson(record));
      expect(JSON.parse(canonicalJson(record))).toEqual(JSON.parse(JSON.stringify(record)));
    }),
  );
});
