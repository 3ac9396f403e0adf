import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { sha256 } from '@nexus/kit/hash';

import { submitBatch, toSubmission, uploadBlob } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { parseRange } from './blob-transfer.ts';

let plane: TestControlPlane;
let ana: TestAccount;
let bruno: TestAccount;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  bruno = await plane.createAccount('bruno');
});

afterAll(() => plane.stop());

const MB = 1 << 20;

function put(name: string, query: string, body: Uint8Array, account = ana) {
  return account.api.put(`/blobs/${name}?${query}`, body);
}

async function status(
  name: string,
  account = ana,
): Promise<{ offset: number; isComplete: boolean }> {
  const { headers } = await account.api.raw(`/blobs/${name}`, { method: 'HEAD' });
  return {
    offset: Number(headers.get('upload-offset')),
    isComplete: headers.get('upload-complete') === 'true',
  };
}

async function download(name: string, account = ana, range?: string): Promise<Response> {
  return account.api.raw(`/blobs/${name}`, range === undefined ? {} : { headers: { range } });
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

describe('an upload', () => {
  test.each([0, 1, MB - 1, MB, MB + 1, 3 * MB + 7])(
    'of %i bytes comes back as it went in',
    async (size) => {
      const bytes = randomBytes(size);
      const name = await uploadBlob(ana.api, bytes);
      expect(await status(name)).toEqual({ offset: size, isComplete: true });
      const response = await download(name);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-length')).toBe(String(size));
      expect((await bytesOf(response)).equals(bytes)).toBe(true);
      expect((await put(name, `offset=0&size=${size}`, bytes)).body, 'sent again').toEqual({
        isComplete: true,
        offset: size,
      });
    },
  );

  // Row 15.
  test('whose connection is cut goes on where it stands', async () => {
    const bytes = randomBytes(4 * MB);
    const name = sha256(bytes);
    const sent = bytes.subarray(0, 3 * MB);
    await cutUpload(name, bytes.length, sent);
    const { offset, isComplete } = await status(name);
    expect(isComplete).toBe(false);
    expect(offset).toBe(sent.length);
    expect((await download(name)).status, 'a part is not a blob').toBe(404);
    expect(
      (await put(name, `offset=${offset}&size=${bytes.length}`, bytes.subarray(offset))).body,
    ).toEqual({
      isComplete: true,
      offset: bytes.length,
    });
    expect((await bytesOf(await download(name))).equals(bytes)).toBe(true);
  });

  test('may come in parts, and survives a restart of the control plane between them', async () => {
    const bytes = randomBytes(3 * MB);
    const name = sha256(bytes);
    expect(
      (await put(name, `offset=0&size=${bytes.length}`, bytes.subarray(0, 2 * MB))).body,
    ).toEqual({
      isComplete: false,
      offset: 2 * MB,
    });
    await plane.restart();
    [ana, bruno] = [
      await plane.createAccount('ana', 'second'),
      await plane.createAccount('bruno', 'second'),
    ];
    expect(await status(name)).toEqual({ offset: 2 * MB, isComplete: false });
    expect(
      (await put(name, `offset=${2 * MB}&size=${bytes.length}`, bytes.subarray(2 * MB))).body,
    ).toMatchObject({ isComplete: true });
  });

  test.each([10, 2 * MB])(
    'of %i other bytes than its name says is refused, and leaves nothing behind',
    async (size) => {
      const name = sha256(randomBytes(32));
      const { status: code, body } = await put(name, `offset=0&size=${size}`, randomBytes(size));
      expect([code, body.error]).toEqual([
        422,
        { code: 'digest_mismatch', retryable: true, message: expect.any(String) },
      ]);
      expect(await status(name)).toEqual({ offset: 0, isComplete: false });
      expect((await download(name)).status).toBe(404);
    },
  );

  test('whose parts do not make what its name says is refused, and begins anew', async () => {
    const bytes = randomBytes(3 * MB);
    const name = sha256(bytes);
    await put(name, `offset=0&size=${bytes.length}`, randomBytes(2 * MB));
    const { body } = await put(
      name,
      `offset=${2 * MB}&size=${bytes.length}`,
      bytes.subarray(2 * MB),
    );
    expect(body.error.code).toBe('digest_mismatch');
    expect((await put(name, `offset=0&size=${bytes.length}`, bytes)).body).toMatchObject({
      isComplete: true,
    });
  });

  test.each(['', '&size=', '&size=many'])(
    'of a size that is not told is refused in words: "%s"',
    async (size) => {
      const { status: code, body } = await put(sha256('x'), `offset=0${size}`, Buffer.from('x'));
      expect([code, body.error.message]).toEqual([
        400,
        'size: is missing or no number: say how many bytes the whole blob has, ?size=1234',
      ]);
    },
  );

  test.each([3, 2 * MB])('of more bytes than the %i it announced is refused', async (size) => {
    const bytes = randomBytes(size + 2 * MB);
    const { status: code, body } = await put(sha256(bytes), `offset=0&size=${size}`, bytes);
    expect([code, body.error.code]).toEqual([422, 'digest_mismatch']);
    expect(await status(sha256(bytes))).toEqual({ offset: 0, isComplete: false });
  });

  test('at a wrong offset is told the right one', async () => {
    const bytes = randomBytes(3 * MB);
    const name = sha256(bytes);
    await put(name, `offset=0&size=${bytes.length}`, bytes.subarray(0, 2 * MB));
    for (const offset of [0, MB, bytes.length]) {
      const { status: code, body } = await put(
        name,
        `offset=${offset}&size=${bytes.length}`,
        bytes.subarray(offset),
      );
      expect([code, body.error.code, body.error.details]).toEqual([
        409,
        'upload_offset_mismatch',
        { offset: 2 * MB },
      ]);
    }
  });

  test('that is not a stream of bytes is refused as such', async () => {
    const name = sha256('{}');
    const send = (type: string | undefined) =>
      ana.api.raw(`/blobs/${name}?offset=0&size=2`, {
        method: 'PUT',
        body: '{}',
        headers: type === undefined ? {} : { 'content-type': type },
      });
    expect((await send('application/json')).status).toBe(415);
    expect((await send('text/plain')).status).toBe(415);
    expect((await send('image/png')).status).toBe(415);
    expect((await send('application/octet-stream')).status).toBe(200);
  });

  test.each([
    'offset=-1&size=3',
    'offset=0',
    'offset=0&size=-3',
    'offset=0&size=1e30',
    'offset=x&size=3',
  ])('with %s is refused', async (query) => {
    expect((await put(sha256('abc'), query, Buffer.from('abc'))).status).toBe(400);
  });

  test.each(['abc', 'A'.repeat(64), `..%2f${'a'.repeat(61)}`, '%00'])(
    'under the name %s is refused',
    async (name) => {
      expect((await put(name, 'offset=0&size=3', Buffer.from('abc'))).status).toBe(400);
    },
  );

  test('of the same bytes by many senders at once ends well for each of them', async () => {
    const bytes = randomBytes(2 * MB);
    const name = sha256(bytes);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, sender) =>
        put(name, `offset=0&size=${bytes.length}`, bytes, sender % 2 === 0 ? ana : bruno),
      ),
    );
    expect(answers.map((answer) => answer.body)).toEqual(
      Array.from({ length: 12 }, () => ({ isComplete: true, offset: bytes.length })),
    );
    for (const account of [ana, bruno])
      expect((await bytesOf(await download(name, account))).equals(bytes)).toBe(true);
    expect(
      await readdir(join(plane.blobFolder, 'uploads')).then((names) =>
        names.filter((file) => file.includes(name)),
      ),
    ).toEqual([]);
  });

  /** Sends the head of a request that announces `size` bytes and these, waits until they are taken, and hangs up. */
  async function cutUpload(name: string, size: number, sent: Uint8Array): Promise<void> {
    const call = httpRequest(`${plane.url}/api/v1/blobs/${name}?offset=0&size=${size}`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${ana.key}`,
        'content-type': 'application/octet-stream',
        'content-length': size,
      },
    });
    call.on('error', () => undefined);
    call.write(sent);
    while ((await status(name)).offset < sent.length);
    const closed = new Promise((resolve) => call.once('close', resolve));
    call.destroy();
    await closed;
  }
});

describe('the same bytes of two accounts', () => {
  test('must be sent by each, and are kept once', async () => {
    const bytes = randomBytes(5000);
    const name = await uploadBlob(ana.api, bytes);
    expect(
      (await bruno.api.post('/blobs/missing', { blobs: [{ sha256: name, sizeBytes: 5000 }] })).body,
    ).toEqual({ missing: [name] });
    expect(await status(name, bruno)).toEqual({ offset: 0, isComplete: false });
    expect((await download(name, bruno)).status).toBe(404);
    const submission = toSubmission({ files: { 'main.py': bytes } });
    expect((await bruno.api.post('/batches', submission)).body).toMatchObject({
      state: 'uploading',
      missing: [name],
    });
    // Knowing the hash and sending something else is no way in.
    expect((await put(name, 'offset=0&size=3', Buffer.from('abc'), bruno)).status).toBe(422);
    expect((await download(name, bruno)).status).toBe(404);
    await uploadBlob(bruno.api, bytes);
    expect((await bytesOf(await download(name, bruno))).equals(bytes)).toBe(true);
    expect(await readdir(join(plane.blobFolder, 'blobs', name.slice(0, 2)))).toContain(
      name.slice(2),
    );
  });
});

describe('a download', () => {
  test.each([
    ['bytes=0-3', 206, 'bytes 0-3/10', '0123'],
    ['bytes=4-', 206, 'bytes 4-9/10', '456789'],
    ['bytes=9-9', 206, 'bytes 9-9/10', '9'],
    ['bytes=5-500', 206, 'bytes 5-9/10', '56789'],
    ['bytes=0-1,4-5', 200, null, '0123456789'],
    ['lines=1-2', 200, null, '0123456789'],
  ])('with Range: %s is %i', async (range, code, contentRange, text) => {
    const name = await uploadBlob(ana.api, '0123456789');
    const response = await download(name, ana, range);
    expect([response.status, response.headers.get('content-range'), await response.text()]).toEqual(
      [code, contentRange, text],
    );
  });

  test('of an empty blob with a range is the empty whole', async () => {
    const name = await uploadBlob(ana.api, '');
    const response = await download(name, ana, 'bytes=0-');
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test.each([
    ['bytes=3-1', undefined],
    ['bytes=10-', undefined],
    ['bytes=-5', undefined],
    [undefined, undefined],
    ['bytes=0-0', { start: 0, end: 0 }],
  ])('parses %s', (header, range) => {
    expect(parseRange(header, 10)).toEqual(range);
  });
});

test('what is missing is told once each, and only what is missing', async () => {
  const held = await uploadBlob(ana.api, 'held');
  const other = sha256('never sent');
  const blobs = [held, other, other].map((name) => ({ sha256: name, sizeBytes: 4 }));
  expect((await ana.api.post('/blobs/missing', { blobs })).body).toEqual({ missing: [other] });
  expect((await ana.api.post('/blobs/missing', { blobs: [] })).body).toEqual({ missing: [] });
});

// Row 15: constant memory. Everything runs in this process, so its growth is the server's and the client's together.
test('a blob of 300 MB passes through in a fraction of its size', async () => {
  const piece = randomBytes(MB);
  const pieces = 300;
  const hash = createHash('sha256');
  for (let n = 0; n < pieces; n += 1) hash.update(piece);
  const name = hash.digest('hex');
  const before = process.memoryUsage.rss();
  let most = 0;
  const note = () => (most = Math.max(most, process.memoryUsage.rss() - before));
  const body = Readable.from(
    (function* () {
      for (let n = 0; n < pieces; n += 1) {
        note();
        yield piece;
      }
    })(),
  );
  const answer = await fetch(`${plane.url}/api/v1/blobs/${name}?offset=0&size=${pieces * MB}`, {
    method: 'PUT',
    // Node's fetch takes any stream of bytes; its types know only the browser's.
    body: Readable.toWeb(body) as ReadableStream,
    duplex: 'half',
    headers: { authorization: `Bearer ${ana.key}`, 'content-type': 'application/octet-stream' },
  });
  expect(await answer.json()).toEqual({ isComplete: true, offset: pieces * MB });
  const back = createHash('sha256');
  const response = await download(name);
  for await (const chunk of response.body ?? []) {
    back.update(chunk);
    note();
  }
  expect(back.digest('hex')).toBe(name);
  expect(most / MB).toBeLessThan(150);
});

test('a submit names every missing blob once, whatever it is needed for', async () => {
  const [script, input, stdin] = ['print(1)', 'a,b', 'typed'];
  const submission = toSubmission({
    files: { 'main.py': script, 'copy.py': script },
    inputs: { 'in/a.csv': input, 'in/b.csv': input },
    spec: { stdin: { sha256: sha256(stdin), sizeBytes: 5 } },
  });
  const { body } = await ana.api.post('/batches', submission);
  expect(body.state).toBe('uploading');
  expect(body.missing.toSorted()).toEqual([script, input, stdin].map(sha256).toSorted());
  await uploadBlob(ana.api, script);
  expect((await ana.api.post(`/batches/${body.batchId}/start`)).body).toEqual({
    state: 'uploading',
    missing: expect.arrayContaining([sha256(input), sha256(stdin)]),
  });
  await uploadBlob(ana.api, input);
  await uploadBlob(ana.api, stdin);
  for (let time = 0; time < 2; time += 1) {
    expect((await ana.api.post(`/batches/${body.batchId}/start`)).body).toEqual({
      state: 'accepted',
      missing: [],
    });
  }
  expect((await submitBatch(ana.api, { files: { 'main.py': script } })).missing).toEqual([]);
});
