import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { migrate } from '@nexus/db';
import { startCluster, type Cluster } from '@nexus/db/embedded';
import { sha256 } from '@nexus/kit/hash';
import type { BatchEvent, Manifest } from '@nexus/grid/contract';

import { Random } from './src/random.ts';
import { submit } from './src/submit.ts';
import { startTestGrid, type TestGrid } from './src/test-grid.ts';

// More seeds: CHAOS_SEEDS=500 npm test -- e2e/chaos
const SEEDS = Number(process.env['CHAOS_SEEDS'] ?? 10);
const FIRST_SEED = Number(process.env['CHAOS_FIRST_SEED'] ?? 1);
const EXECUTIONS = 10;
const SCRIPT = [
  'import hashlib, sys, time',
  'seed, index, ms = sys.argv[1:]',
  'print("started", index, flush=True)',
  'time.sleep(int(ms) / 1000)',
  'open("result.txt", "w").write(hashlib.sha256(f"{seed} {index}".encode()).hexdigest())',
  'print("ended", index)',
].join('\n');

let folder: string;
let cluster: Cluster;
let grid: TestGrid;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-chaos-'));
  cluster = await startCluster({ folder });
  await migrate(cluster.url('postgres'));
  grid = await startTestGrid({
    databaseUrl: cluster.url('postgres'),
    workers: 2,
    // Short, so that the silent are noticed soon; lost as often as there are kills.
    orchestratorEnv: { LEASE_SECONDS: '1.5', MAX_TIMES_LOST: '1000' },
  });
});

afterAll(async () => {
  await grid.stop();
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

type Fault = 'kill worker' | 'kill orchestrator' | 'kill database' | 'freeze worker';

async function inflict(fault: Fault, random: Random): Promise<void> {
  const worker = grid.workers[random.between(0, grid.workers.length - 1)];
  const pauseMs = random.between(0, 400);
  switch (fault) {
    case 'kill worker':
      await worker?.end('SIGKILL');
      await sleep(pauseMs);
      worker?.start();
      return;
    case 'kill orchestrator':
      await grid.orchestrator.end('SIGKILL');
      await sleep(pauseMs);
      grid.orchestrator.start();
      return;
    case 'kill database':
      // The embedded cluster starts it again by itself.
      process.kill(cluster.pid, 'SIGKILL');
      return;
    case 'freeze worker':
      // Longer than its leases live: it comes back as a zombie.
      worker?.signal('SIGSTOP');
      await sleep(2000 + pauseMs);
      worker?.signal('SIGCONT');
  }
}

interface Tally {
  lost: string[];
  double: string[];
}

async function runSeed(seed: number, tally: Tally): Promise<void> {
  const random = new Random(seed);
  const executions = Array.from({ length: EXECUTIONS }, (_, index) => ({
    args: [String(seed), String(index), String(random.between(0, 400))],
  }));
  const batchId = await insist(async () => {
    const submission = { idempotencyKey: `chaos-seed-${seed}`, parallel: random.pick([1, 3, 100]) };
    return (
      await submit(grid.api, {
        files: { 'main.py': SCRIPT },
        script: 'main.py',
        executions,
        submission,
      })
    ).batchId;
  });
  const following = follow(batchId, tally);
  for (let count = random.between(1, 3); count > 0; count -= 1) {
    await sleep(random.between(0, 700));
    await inflict(
      random.pick([
        'kill worker',
        'kill orchestrator',
        'kill database',
        'freeze worker',
        'kill worker',
      ]),
      random,
    );
  }
  await following;
  await check(batchId, seed, tally);
}

/** Follows the batch as a client does: comes back after every cut, with the last version it has seen. */
async function follow(batchId: string, tally: Tally): Promise<void> {
  const seen = new Set<string>();
  let after = 0;
  for (;;) {
    const events = await insist(async () =>
      grid.api.lines(`/batches/${batchId}/events?after=${after}&follow=true`),
    );
    // The server writes what batchEventSchema says.
    for (const event of events as BatchEvent[]) {
      if (event.type === 'end') return;
      if (event.type !== 'execution') continue;
      if (seen.has(event.execution.id))
        tally.double.push(`${event.execution.id} ended twice for its client`);
      seen.add(event.execution.id);
      after = event.version;
    }
  }
}

async function check(batchId: string, seed: number, tally: Tally): Promise<void> {
  const rows = await insist(() =>
    grid.database.query<{ id: string; index: number; state: string; published: number }>(
      `select e.id, e.index, e.state, (select count(*) from attempts a where a.execution_id = e.id
         and a.outcome not in ('lost', 'released')) as published
       from executions e where e.batch_id = $1`,
      [batchId],
    ),
  );
  if (rows.length !== EXECUTIONS) tally.lost.push(`${batchId} has ${rows.length} executions`);
  for (const row of rows) {
    if (row.published > 1) tally.double.push(`${row.id} was published ${row.published} times`);
    if (row.state !== 'succeeded' || row.published < 1)
      tally.lost.push(`${row.id} is ${row.state}`);
    const problem = await insist(() => findOutputProblem(row.id, sha256(`${seed} ${row.index}`)));
    if (problem !== undefined) tally.lost.push(`${row.id}: ${problem}`);
  }
}

async function findOutputProblem(id: string, expected: string): Promise<string | undefined> {
  const { body } = await grid.api.get(`/executions/${id}/outputs`);
  const [entry] = (body as Manifest).entries;
  if (entry?.type !== 'file' || entry.path !== 'result.txt') return 'has no result';
  const text = await (await grid.api.raw(`/blobs/${entry.sha256}`)).text();
  if (text !== expected) return 'has another result';
  const lines = (await grid.api.lines(`/executions/${id}/logs`)) as {
    type: string;
    chunk?: { data: string };
  }[];
  const log = lines
    .map((line) => Buffer.from(line.chunk?.data ?? '', 'base64').toString())
    .join('');
  return /^started \d+\nended \d+\n$/.test(log) ? undefined : `has the log ${JSON.stringify(log)}`;
}

/** Everything may be away for a while; a client tries again. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 150) throw error;
      await sleep(100);
    }
  }
}

test(
  'killing and freezing workers, control plane and database loses nothing and publishes nothing twice',
  { timeout: 30_000 + SEEDS * 25_000 },
  async () => {
    const tally: Tally = { lost: [], double: [] };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) await runSeed(seed, tally);
    console.log(
      `${SEEDS} seeds, ${SEEDS * EXECUTIONS} executions: lost ${tally.lost.length}, double ${tally.double.length}`,
    );
    expect(tally).toEqual({ lost: [], double: [] });
  },
);
