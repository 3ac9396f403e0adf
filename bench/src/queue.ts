/** Lease and complete through the HTTP API, with an empty table and with 1,000,000 finished executions in it. */
import { join } from 'node:path';

import type { Cluster } from '@nexus/db/embedded';

import { cpuMs, endedChildrenCpuMs, processTree } from './measuring/processes.ts';
import { makeProfileFolder, printHotspots, printStatements } from './measuring/profile.ts';
import { note, perSecond, printTable, printTargets, times, title } from './measuring/report.ts';
import { median } from './measuring/statistics.ts';
import { openGraphile, type GraphilePeer } from './peers/graphile.ts';
import {
  createDatabase,
  startControlPlane,
  startDatabaseServer,
  type ControlPlane,
} from './platform/control-plane.ts';
import { insertFinished } from './platform/finished-executions.ts';
import type { Api } from './platform/http.ts';
import { completeAll, registerWorkers, type Drive } from './platform/idle-workers.ts';
import { ROOT, withFolder } from './platform/platform.ts';
import { submitJob, uploadScript } from './platform/submission.ts';

const TOTAL = 20_000;
const BATCHES = 4;
const ROUNDS = 3;
const FINISHED = 1_000_000;
const SCRIPT = 'print(1)\n';
const isProfiling = process.argv.includes('--profile');
const users = new WeakMap<ControlPlane, Promise<Api[]>>();

interface Contestant {
  name: string;
  rates: number[];
  /** Puts TOTAL into the queue; what it returns takes them out again and says how long that took, in ms. */
  prepare(): Promise<() => Promise<number>>;
}

const standard: Drive = { connections: 8, slots: 32, total: TOTAL };

await withFolder(async (folder) => {
  const cluster = await startDatabaseServer(folder, { isProfiling });
  try {
    title(
      `Lease and complete ${TOTAL} executions in ${BATCHES} batches of 2 keys, ${ROUNDS} rounds in turn, medians`,
    );
    await (isProfiling ? profile(cluster, folder) : compare(cluster, folder));
  } finally {
    await cluster.stop();
  }
});
process.exit();

async function compare(cluster: Cluster, folder: string): Promise<void> {
  const empty = await startControlPlane(cluster, { folder, name: 'empty' });
  const full = await startControlPlane(cluster, { folder, name: 'full' });
  try {
    await insertFinished(full.database, FINISHED);
    await (await createDatabase(cluster, 'graphile')).close();
    const peer = await openGraphile(cluster.url('graphile'), folder);
    const contestants = listContestants({ empty, full, peer });
    const meter = startMeter(cluster.pid, empty);
    for (let round = 0; round < ROUNDS; round += 1) await runRound(contestants, meter);
    await peer.close();
    printResults(contestants);
    meter.print();
  } finally {
    await empty.stop();
    await full.stop();
  }
}

function listContestants(queues: {
  empty: ControlPlane;
  full: ControlPlane;
  peer: GraphilePeer;
}): Contestant[] {
  const { empty, full, peer } = queues;
  const ours = async (plane: ControlPlane, drive: Drive) => {
    await submitAll(plane);
    const workers = await registerWorkers(plane, drive);
    return () => completeAll(workers, drive);
  };
  const large = { ...standard, connections: 2, slots: 128 };
  return [
    { name: 'HTTP, 8 workers of 32 slots', rates: [], prepare: () => ours(empty, standard) },
    {
      name: `the same, ${FINISHED / 1e6} million finished`,
      rates: [],
      prepare: () => ours(full, standard),
    },
    { name: 'HTTP, 2 workers of 128 slots', rates: [], prepare: () => ours(empty, large) },
    { name: 'graphile-worker, 24 at once', rates: [], prepare: () => peer.prepare(TOTAL, 'plain') },
    {
      name: 'graphile-worker, local queue of 500',
      rates: [],
      prepare: () => peer.prepare(TOTAL, 'local'),
    },
  ];
}

async function runRound(
  contestants: readonly Contestant[],
  meter: ReturnType<typeof startMeter>,
): Promise<void> {
  for (const [index, contestant] of contestants.entries()) {
    const run = await contestant.prepare();
    if (index === 0) meter.start();
    contestant.rates.push((TOTAL / (await run())) * 1000);
    if (index === 0) meter.stop();
  }
}

async function profile(cluster: Cluster, folder: string): Promise<void> {
  const profiles = await makeProfileFolder(folder, ['orchestrator']);
  const profileFolder = join(profiles, 'orchestrator');
  const plane = await startControlPlane(cluster, { folder, name: 'profiled', profileFolder });
  try {
    await submitAll(plane);
    const workers = await registerWorkers(plane, standard);
    await plane.database.query('create extension pg_stat_statements');
    await plane.database.query('select pg_stat_statements_reset()');
    const tookMs = await completeAll(workers, standard);
    note(`${perSecond((TOTAL / tookMs) * 1000)} while being profiled`);
    await printStatements(plane.database);
  } finally {
    await plane.stop();
  }
  await printHotspots(profiles, ROOT, ['orchestrator']);
}

async function submitAll(plane: ControlPlane): Promise<void> {
  const known = users.get(plane) ?? Promise.all(['ana', 'ben'].map((name) => plane.openUser(name)));
  users.set(plane, known);
  const args = Array.from({ length: TOTAL / BATCHES }, (_, index) => [String(index)]);
  for (let count = 0; count < BATCHES; count += 1) {
    const user = (await known)[count % 2];
    if (!user) continue;
    await uploadScript(user, SCRIPT);
    await submitJob(user, { script: 'one.py', text: SCRIPT, args });
  }
}

function printResults(contestants: readonly Contestant[]): void {
  const rates = contestants.map(({ rates: all }) => median(all));
  const [ours = 0, full = 0, , plain = 0] = rates;
  printTable(
    ['queue', 'executions', 'to the first'],
    contestants.map(({ name }, index) => [
      name,
      perSecond(rates[index] ?? 0),
      index === 0 ? '' : times((rates[index] ?? 0) / ours),
    ]),
  );
  printTargets([
    {
      what: 'lease and complete over HTTP',
      measured: perSecond(ours),
      target: '>= 5,000/s',
      isMet: ours >= 5000,
    },
    {
      what: 'full table / empty table',
      measured: times(full / ours),
      target: '>= 0.9x',
      isMet: full >= 0.9 * ours,
    },
    {
      what: 'rgrid / graphile-worker as installed',
      measured: times(ours / plain),
      target: '>= 1x',
      isMet: ours >= plain,
    },
  ]);
  note(
    'Ours does more for each: two state changes with a fenced epoch, a row for the attempt, counts for the batch,',
  );
  note(
    'fair share between keys, JSON over HTTP with checked schemas. graphile-worker does more in one thing: each of',
  );
  note(
    'its jobs is its own transaction, while ours share one for each call. It keeps no row of a job that is done.',
  );
}

function startMeter(postgresPid: number, plane: ControlPlane) {
  const read = () => [
    cpuMs(processTree(postgresPid)) + endedChildrenCpuMs(postgresPid),
    cpuMs([plane.orchestrator.pid]),
    cpuMs([process.pid]),
  ];
  const rounds: number[][] = [];
  let before = read();
  return {
    start: () => (before = read()),
    stop: () =>
      rounds.push(read().map((now, index) => ((now - (before[index] ?? 0)) * 1000) / TOTAL)),
    print: () => {
      title('CPU for each execution of the first line');
      const parts = ['postgres', 'orchestrator', 'this benchmark'];
      printTable(
        ['part', 'CPU'],
        parts.map((part, index) => [
          part,
          `${Math.round(median(rounds.map((round) => round[index] ?? 0)))} us`,
        ]),
      );
    },
  };
}
