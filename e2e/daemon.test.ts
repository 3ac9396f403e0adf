import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { WORKER_BUNDLES_FILE } from '@nexus/grid/contract';
import type { HetznerSimulator } from '@nexus/simulators/hetzner';
import { createCheckedHetzner } from '@nexus/simulators/testing';
import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

const NEXUS = fileURLToPath(new URL('../bin/nexus', import.meta.url));

let folder: string;
let own: TestDatabase;
let cloud: HetznerSimulator;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-daemon-'));
  own = await createTestDatabase();
  cloud = createCheckedHetzner();
  await cloud.listen();
  const x86 = { file: 'worker.tar.gz', sha256: '0'.repeat(64), nodeVersion: '24.0.0' };
  await writeFile(join(folder, WORKER_BUNDLES_FILE), JSON.stringify({ x86 }));
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
});

afterAll(async () => {
  await cloud.close();
  await own.drop();
  await rm(folder, { recursive: true, force: true });
});

async function writeEnvFile(changes: Record<string, string> = {}, mode = 0o600): Promise<string> {
  const path = join(folder, '.env.staging');
  const variables = {
    DATABASE_URL: own.url,
    ORCHESTRATOR_ENABLED: 'true',
    HETZNER_API_TOKEN: cloud.token,
    HETZNER_ENDPOINT: cloud.url,
    HETZNER_SSH_KEY_PATH: join(folder, 'rgrid_worker_key'),
    API_BASE: 'http://127.0.0.1:9',
    WORKER_BUNDLES: folder,
    ...changes,
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(path, lines.join(''));
  await chmod(path, mode);
  return path;
}

interface Daemon {
  output(): string;
  ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** Waits until it has said that. */
  says(text: string): Promise<void>;
}

function startDaemon(envFile: string): Daemon {
  const child = spawn(NEXUS, ['daemon', '--env-file', envFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: folder },
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'close').then(() => child.exitCode);
  return {
    output: () => output,
    ended,
    kill: (signal) => void child.kill(signal),
    says: async (text) => {
      for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 50) {
        if (output.includes(text)) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`it never said ${text}, but:\n${output}`);
    },
  };
}

describe('nexus daemon', () => {
  test('says what an operator looks for, finds its key again, and ends at the first signal', async () => {
    const envFile = await writeEnvFile();
    const first = startDaemon(envFile);
    await first.says('Created SSH key (ID: ');
    expect(first.output()).toContain('Worker provisioner started');
    first.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    const second = startDaemon(envFile);
    await second.says('Using existing SSH key (ID: ');
    expect(second.output()).not.toContain(cloud.token);
  });

  test('waits while another one is in charge, and takes over when that one is killed', async () => {
    const envFile = await writeEnvFile();
    const first = startDaemon(envFile);
    await first.says('SSH key (ID: ');
    const second = startDaemon(envFile);
    await second.says('another daemon is in charge');
    expect(second.output()).not.toContain('SSH key');
    first.kill('SIGKILL');
    await second.says('Using existing SSH key');
  });

  test('disabled, it says so and touches nothing', async () => {
    const before = cloud.account.project().sshKeys.size;
    const envFile = await writeEnvFile({
      ORCHESTRATOR_ENABLED: 'false',
      HETZNER_API_TOKEN: 'your_hetzner_api_token_here',
    });
    const daemon = startDaemon(envFile);
    await daemon.says('provisioner disabled');
    expect(daemon.output()).not.toContain('Worker provisioner started');
    expect(cloud.account.project().sshKeys.size).toBe(before);
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
  });

  test('with a wrong token ends in one line that says so and what to check', async () => {
    const token = 'w'.repeat(64);
    const daemon = startDaemon(await writeEnvFile({ HETZNER_API_TOKEN: token }));
    expect(await daemon.ended).toBe(1);
    const errors = daemon
      .output()
      .split('\n')
      .filter((line) => line.startsWith('nexus: '));
    expect(errors).toEqual([
      expect.stringMatching(/^nexus: unauthorized: .*HETZNER_API_TOKEN; check/),
    ]);
    expect(daemon.output()).not.toContain(token);
  });

  test('names every problem of its configuration at once, and no value', async () => {
    const envFile = await writeEnvFile({
      DATABASE_URL: 'mysql://user:hunter2@host/db',
      HETZNER_API_TOKEN: '',
      MAX_WORKERS: 'many',
      HETZNER_SERVER_TYPES: 'cx23,,cx33',
    });
    const daemon = startDaemon(envFile);
    expect(await daemon.ended).toBe(1);
    for (const name of ['DATABASE_URL', 'MAX_WORKERS', 'HETZNER_SERVER_TYPES'])
      expect(daemon.output()).toContain(name);
    expect(daemon.output()).not.toContain('hunter2');
  });

  test.each([
    ['others can read', 0o644, /others can read it: chmod 600/],
    ['the group can read', 0o640, /others can read it: chmod 600/],
  ])('refuses an environment file that %s', async (_who, mode, message) => {
    const daemon = startDaemon(await writeEnvFile({}, mode));
    expect(await daemon.ended).toBe(1);
    expect(daemon.output()).toMatch(message);
  });

  test('without a worker for servers to install it says how to make one', async () => {
    const empty = await mkdtemp(join(folder, 'empty-'));
    const daemon = startDaemon(await writeEnvFile({ WORKER_BUNDLES: empty }));
    expect(await daemon.ended).toBe(1);
    expect(daemon.output()).toContain('nexus worker-bundle');
  });
});
