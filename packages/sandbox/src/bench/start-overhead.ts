// Prints what a sandbox costs over a bare spawn: npm run bench -w @nexus/sandbox -- [runs]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  createDriver,
  probeDrivers,
  sandboxOwner,
  type SandboxDriver,
  type SandboxSpec,
} from '../index.ts';

const RUNS = Number(process.argv[2] ?? 200);
const COMMAND = ['/usr/bin/echo', 'started'] as const;
const MEGABYTE = 1024 * 1024;

interface Sample {
  /** Until start() resolved. */
  startMs: number;
  /** Until the script's first byte of output. */
  firstMs: number;
  /** Until everything was cleaned up. */
  totalMs: number;
}

function median(values: number[]): string {
  return (values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0).toFixed(2);
}

async function timeOutput(stdout: Readable, begin: number): Promise<number> {
  await once(stdout, 'data');
  return performance.now() - begin;
}

async function spawnBare(): Promise<Sample> {
  const begin = performance.now();
  const child = spawn(COMMAND[0], COMMAND.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  const startMs = performance.now() - begin;
  const first = timeOutput(child.stdout, begin);
  child.stderr.resume();
  await once(child, 'close');
  return { startMs, firstMs: await first, totalMs: performance.now() - begin };
}

function makeSpec(workspace: string, isolates: boolean): SandboxSpec {
  return {
    id: `bench-${process.hrtime.bigint()}`,
    command: COMMAND,
    cwd: isolates ? '/workspace' : workspace,
    env: { PATH: '/usr/bin:/bin', HOME: '/workspace' },
    mounts: [{ source: workspace, target: '/workspace', access: 'write' }],
    diskRoots: [workspace],
    limits: {
      cpus: 2,
      memoryBytes: 256 * MEGABYTE,
      timeoutMs: 10_000,
      processes: 64,
      openFiles: 256,
      diskBytes: 100 * MEGABYTE,
    },
    network: false,
    stdin: { kind: 'empty' },
    killGraceMs: 500,
  };
}

async function runIn(driver: SandboxDriver, workspace: string): Promise<Sample> {
  const begin = performance.now();
  const running = await driver.start(makeSpec(workspace, driver.description.isolates));
  const startMs = performance.now() - begin;
  const first = timeOutput(running.stdout, begin);
  running.stderr.resume();
  const { outcome } = await running.exited;
  if (outcome.kind !== 'exited') throw new Error(`${driver.name}: ${JSON.stringify(outcome)}`);
  return { startMs, firstMs: await first, totalMs: performance.now() - begin };
}

async function measure(name: string, runOnce: () => Promise<Sample>): Promise<void> {
  for (let i = 0; i < 10; i += 1) await runOnce();
  const samples: Sample[] = [];
  for (let i = 0; i < RUNS; i += 1) samples.push(await runOnce());
  const column = (key: keyof Sample): string =>
    median(samples.map((sample) => sample[key])).padStart(8);
  process.stdout.write(
    `${name.padEnd(12)}${column('startMs')}${column('firstMs')}${column('totalMs')}\n`,
  );
}

const workspace = mkdtempSync(join(tmpdir(), 'sandbox-bench-'));
const owner = sandboxOwner();
if (owner !== null) chownSync(workspace, owner.uid, owner.gid);
process.stdout.write(`median of ${RUNS}, ms    start   first   total\n`);
await measure('bare spawn', spawnBare);
for (const probe of await probeDrivers()) {
  if (!probe.isAvailable || probe.name === 'docker') continue;
  const driver = await createDriver(probe.name);
  await measure(probe.name, () => runIn(driver, workspace));
  await driver.close();
}
await measure('bare spawn', spawnBare);
rmSync(workspace, { recursive: true });
