// Prints what a sandbox costs over a bare spawn: npm run bench -w @nexus/sandbox -- [runs]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createDriver,
  probeDrivers,
  sandboxOwner,
  type SandboxDriver,
  type SandboxSpec,
} from '../index.ts';

const RUNS = Number(process.argv[2] ?? 200);
const MEGABYTE = 1024 * 1024;

interface Sample {
  /** Until start() resolved, until the launcher's end was seen, and until everything was cleaned up. */
  startMs: number;
  wallMs: number;
  totalMs: number;
}

function median(values: number[]): string {
  return (values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0).toFixed(2);
}

async function spawnBare(): Promise<Sample> {
  const begin = performance.now();
  const child = spawn('/usr/bin/true', [], { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  const startMs = performance.now() - begin;
  child.stdout.resume();
  child.stderr.resume();
  const closed = once(child, 'close');
  await once(child, 'exit');
  const wallMs = performance.now() - begin;
  await closed;
  return { startMs, wallMs, totalMs: performance.now() - begin };
}

function makeSpec(workspace: string, isolates: boolean): SandboxSpec {
  return {
    id: `bench-${process.hrtime.bigint()}`,
    command: ['/usr/bin/true'],
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
  running.stdout.resume();
  running.stderr.resume();
  const { wallMs, outcome } = await running.exited;
  if (outcome.kind !== 'exited') throw new Error(`${driver.name}: ${JSON.stringify(outcome)}`);
  return { startMs, wallMs: startMs + wallMs, totalMs: performance.now() - begin };
}

async function measure(name: string, runOnce: () => Promise<Sample>): Promise<void> {
  for (let i = 0; i < 10; i += 1) await runOnce();
  const samples: Sample[] = [];
  for (let i = 0; i < RUNS; i += 1) samples.push(await runOnce());
  const column = (key: keyof Sample): string =>
    median(samples.map((sample) => sample[key])).padStart(8);
  process.stdout.write(
    `${name.padEnd(12)}${column('startMs')}${column('wallMs')}${column('totalMs')}\n`,
  );
}

const workspace = mkdtempSync(join(tmpdir(), 'sandbox-bench-'));
const owner = sandboxOwner();
if (owner !== null) chownSync(workspace, owner.uid, owner.gid);
process.stdout.write(`median of ${RUNS}, ms    start    exit   total\n`);
await measure('bare spawn', spawnBare);
for (const probe of await probeDrivers()) {
  if (!probe.isAvailable || probe.name === 'docker') continue;
  const driver = await createDriver(probe.name);
  await measure(probe.name, () => runIn(driver, workspace));
  await driver.close();
}
await measure('bare spawn', spawnBare);
rmSync(workspace, { recursive: true });
