/** A large file up to and down from the API: speed, and that the control plane's memory stays flat. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { sha256OfFile } from '@nexus/kit/hash';

import { memoryOf, peakRssBytes } from './measuring/processes.ts';
import { note, printTable, printTargets, times, title } from './measuring/report.ts';
import { runCommand, withFolder } from './platform/platform.ts';
import {
  startControlPlane,
  startDatabaseServer,
  type ControlPlane,
} from './platform/control-plane.ts';

const GIGABYTE = 1e9;
/** As much more as the control plane may hold at once for a file of any size. */
const MAX_GROWTH = 150e6;
const sizeBytes =
  (process.argv.includes('--full')
    ? 5
    : Number(/--gb=([\d.]+)/.exec(process.argv.join(' '))?.[1] ?? 2)) * GIGABYTE;

await withFolder(async (folder) => {
  const cluster = await startDatabaseServer(folder, { isProfiling: false });
  const plane = await startControlPlane(cluster, { folder, name: 'blob' });
  try {
    title(`A file of ${sizeBytes / GIGABYTE} GB through the API`);
    await compare(plane, folder);
  } finally {
    await plane.stop();
    await cluster.stop();
  }
});
process.exit();

async function compare(plane: ControlPlane, folder: string): Promise<void> {
  const source = join(folder, 'source');
  const copy = join(folder, 'copy');
  await writeRandom(source);
  const token = await plane.createKey('ana');
  const { pid } = plane.orchestrator;
  const before = memoryOf(pid).rssBytes;
  // What both sides do: read, write elsewhere, hash what was written.
  const local = await timed(() =>
    runCommand(['sh', '-c', `cp ${source} ${copy} && sha256sum ${copy}`], folder),
  );
  await rm(copy);
  const name = await sha256OfFile(source);
  const up = await timed(() => upload({ url: plane.url, token, name, path: source }));
  const down = await timed(() => download({ url: plane.url, token, name }));
  const peak = peakRssBytes(pid);
  const rate = (wallMs: number) => `${Math.round(sizeBytes / 1e6 / (wallMs / 1000))} MB/s`;
  printTable(
    ['way', 'speed', 'to cp + sha256sum'],
    [
      ['upload, hashed by the server', rate(up), times(local / up)],
      ['download, hashed by the client', rate(down), times(local / down)],
      ['cp + sha256sum', rate(local), ''],
    ],
  );
  note(
    `orchestrator: ${Math.round(before / 1e6)} MB resident before, ${Math.round(peak / 1e6)} MB at most`,
  );
  console.log('');
  printTargets([
    {
      what: 'growth of the orchestrator',
      measured: `${Math.round((peak - before) / 1e6)} MB`,
      target: '< 150 MB',
      isMet: peak - before < MAX_GROWTH,
    },
  ]);
}

async function writeRandom(path: string): Promise<void> {
  const file = await open(path, 'w');
  const block = Buffer.alloc(8 << 20);
  for (let written = 0, count = 0; written < sizeBytes; written += block.length, count += 1) {
    // Differs from block to block; its content does not matter beyond that.
    block.fill(createHash('sha256').update(String(count)).digest());
    await file.write(block, 0, Math.min(block.length, sizeBytes - written));
  }
  await file.close();
}

interface Wanted {
  url: string;
  token: string;
  name: string;
}

async function upload({ url, token, name, path }: Wanted & { path: string }): Promise<void> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/octet-stream',
    'content-length': sizeBytes,
  };
  const sent = request(`${url}/api/v1/blobs/${name}?offset=0&size=${sizeBytes}`, {
    method: 'PUT',
    headers,
  });
  const status = new Promise<number>((resolve, reject) => {
    sent.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
  });
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), sent);
  if ((await status) !== 200) throw new Error(`upload answered ${await status}`);
}

async function download({ url, token, name }: Wanted): Promise<void> {
  const hash = createHash('sha256');
  await new Promise<void>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    request(`${url}/api/v1/blobs/${name}`, { headers }, (response) => {
      const sink = new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          hash.update(chunk);
          done();
        },
      });
      pipeline(response, sink).then(resolve, reject);
    })
      .on('error', reject)
      .end();
  });
  if (hash.digest('hex') !== name) throw new Error('the download is damaged');
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
