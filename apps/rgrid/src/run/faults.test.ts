import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { GridApi } from '../api/grid-api.ts';
import { uploadBlobs } from '../api/upload-blobs.ts';
import { downloadBlob } from '../outputs/download-blob.ts';
import { sha256Of } from '../testing/fake-execution.ts';
import { FakePlatform } from '../testing/fake-platform.ts';
import { makeFolder, runCli } from '../testing/run-cli.ts';

let platform: FakePlatform;
let cwd = '';
let api: GridApi;
/** Tries without waiting. */
const policy = { attempts: 4, firstDelayMs: 1, maxDelayMs: 1 };

beforeEach(async () => {
  platform = await FakePlatform.start();
  cwd = makeFolder('faults', { 'x.py': 'print(1)\n' });
  api = new GridApi({
    apiUrl: platform.url,
    apiKey: platform.key,
    policy,
    onRetry: () => undefined,
  });
});
afterEach(async () => {
  api.close();
  await platform.stop();
});

describe('a run over a poor connection', () => {
  it('prints a log that is cut anywhere without gap or repetition', async () => {
    platform.behave = () => ({
      prints: Array.from({ length: 20 }, (_, line): ['stdout', string] => [
        'stdout',
        `line ${line}\n`,
      ]),
    });
    for (const cutAfterBytes of [1, 400, 1000])
      platform.faults.push({ request: /logs/, action: { cutAfterBytes } });
    const { stdout, exitCode } = await runCli(platform, ['run', 'x.py'], { cwd });
    expect(stdout.trim().split('\n')).toEqual(
      Array.from({ length: 20 }, (_, line) => `line ${line}`),
    );
    expect(exitCode).toBe(0);
  });

  it('follows a batch over cut connections, each execution once', async () => {
    platform.behave = (index) => ({ prints: [['stdout', `${index}\n`]] });
    for (const cutAfterBytes of [1, 1500, 3000])
      platform.faults.push({ request: /events/, action: { cutAfterBytes } });
    const { stdout } = await runCli(platform, ['run', 'x.py', '--batch', '{1..9}'], { cwd });
    expect(stdout.trim().split('\n')).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8']);
  });

  it('says so while it asks for the log of an execution, and goes on', async () => {
    const large = `${'x'.repeat(2000)}\n`;
    platform.behave = () => ({ prints: [['stdout', large]], isLogLarge: true });
    for (let count = 0; count < 5; count += 1)
      platform.faults.push({ request: /logs/, action: { isReset: true } });
    const { stdout, stderr } = await runCli(platform, ['run', 'x.py', '--batch', '{1..2}'], {
      cwd,
    });
    expect(stdout).toBe(large + large);
    expect(stderr).toContain('the platform does not answer; the run goes on there, trying again');
  });

  it('does not submit twice when the reply is lost', async () => {
    const submission = { ...(await submissionOf()), idempotencyKey: 'the-same-key' };
    const keys: (string | undefined)[] = [];
    platform.faults.push({ request: /POST \/batches$/, action: { cutAfterBytes: 10 } });
    await expect(api.submit(submission)).resolves.toMatchObject({ state: 'accepted' });
    for (const { submission } of platform.batches.values()) keys.push(submission.idempotencyKey);
    expect(keys).toEqual(['the-same-key', 'the-same-key']);
  });

  it('gives up at once on what no repetition can help', async () => {
    const env = { RGRID_API_KEY: 'rgrid_wrong' };
    const { exitCode, stderr } = await runCli(platform, ['run', 'x.py'], { cwd, env });
    expect(exitCode).toBe(125);
    expect(stderr).toContain('rgrid init');
    expect(stderr).not.toContain('rgrid_wrong');
    expect(platform.requests).toHaveLength(1);
  });
});

async function submissionOf() {
  await runCli(platform, ['run', 'x.py'], { cwd });
  const { lastSubmission } = platform;
  platform.batches.clear();
  return lastSubmission;
}

describe('an upload', () => {
  const large = Buffer.alloc(12 * 1024 ** 2, 'abcdefg');

  function send(path: string, content: Buffer) {
    const sha256 = sha256Of(content);
    const sources = new Map([[sha256, { path, sizeBytes: content.length }]]);
    return uploadBlobs(api, { sources, missing: [sha256], policy });
  }

  it('goes on where it was cut', async () => {
    const path = join(cwd, 'large');
    writeFileSync(path, large);
    platform.faults.push({ request: /^PUT/, action: { keepBytes: 5_000_000 } });
    await send(path, large);
    expect(platform.blobs.get(sha256Of(large))?.equals(large)).toBe(true);
    expect(platform.requests.filter((request) => request.startsWith('PUT'))[1]).toContain(
      'offset=5000000',
    );
  });

  it('goes on where an earlier command stopped', async () => {
    const path = join(cwd, 'large');
    writeFileSync(path, large);
    platform.faults.push({ request: /^PUT/, action: { keepBytes: 7_000_000 } });
    const once = { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 };
    const sources = new Map([[sha256Of(large), { path, sizeBytes: large.length }]]);
    await expect(
      uploadBlobs(api, { sources, missing: [sha256Of(large)], policy: once }),
    ).rejects.toThrow('does not answer');
    platform.requests.length = 0;
    await send(path, large);
    expect(platform.requests.map((request) => request.replace(/[0-9a-f]{64}/, 'S'))).toEqual([
      'HEAD /blobs/S',
      `PUT /blobs/S?offset=7000000&size=${large.length}`,
    ]);
  });

  it('says so when the file changes under it', async () => {
    const path = join(cwd, 'file');
    writeFileSync(path, 'new content');
    await expect(send(path, Buffer.from('old content'))).rejects.toThrow(
      'changed while it was being sent',
    );
    writeFileSync(path, large);
    await expect(send(path, Buffer.from(large).fill('z', 100, 200))).rejects.toThrow(
      'changed while it was being sent',
    );
    truncateSync(path, 3_000_000);
    await expect(send(path, large)).rejects.toThrow('changed while it was being sent');
  });

  it('sends empty files and many at once', async () => {
    const files = Array.from({ length: 30 }, (_, index) =>
      Buffer.from(index === 0 ? '' : `file ${index}`),
    );
    const sources = new Map(
      files.map((content, index) => {
        const path = join(cwd, `f${index}`);
        writeFileSync(path, content);
        return [sha256Of(content), { path, sizeBytes: content.length }] as const;
      }),
    );
    await uploadBlobs(api, { sources, missing: [...sources.keys()], policy });
    expect(platform.blobs.size).toBe(30);
  });
});

describe('a download', () => {
  const large = Buffer.alloc(6 * 1024 ** 2, '0123456789');

  it('goes on where it was cut', async () => {
    const sha256 = sha256Of(large);
    platform.blobs.set(sha256, large);
    platform.faults.push({ request: /GET \/blobs/, action: { cutAfterBytes: 2_000_000 } });
    const path = join(cwd, 'part');
    await downloadBlob(api, { sha256, sizeBytes: large.length, path, policy });
    expect(readFileSync(path).equals(large)).toBe(true);
  });

  it('uses what an earlier command left, and starts over if that is damaged', async () => {
    const sha256 = sha256Of(large);
    platform.blobs.set(sha256, large);
    for (const left of [large.subarray(0, 3_000_000), Buffer.alloc(3_000_000)]) {
      const path = join(cwd, `part-${left[5]}`);
      writeFileSync(path, left);
      await downloadBlob(api, { sha256, sizeBytes: large.length, path, policy });
      expect(readFileSync(path).equals(large)).toBe(true);
    }
  });

  it('refuses bytes that are not what was stored', async () => {
    const sha256 = sha256Of('right');
    platform.blobs.set(sha256, Buffer.from('wrong'));
    const wanted = { sha256, sizeBytes: 5, path: join(cwd, 'small'), policy };
    await expect(downloadBlob(api, wanted)).rejects.toThrow('it arrived damaged');
  });
});
