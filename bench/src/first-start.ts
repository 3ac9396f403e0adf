/** From the first queued execution to its start on a rented server that boots in no time: what is ours of it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createApp } from '@nexus/autoscaler';
import { configSchema } from '@nexus/autoscaler/config';
import type { Database } from '@nexus/db';
import { parseConfig } from '@nexus/kit/config';
import { silentLogger } from '@nexus/kit/logger';
import { createHetznerSimulator, type Machines } from '@nexus/simulators/hetzner';

import { ms, printTable, printTargets, title } from './measuring/report.ts';
import { median } from './measuring/statistics.ts';
import { startControlPlane, startDatabaseServer } from './platform/control-plane.ts';
import { withFolder } from './platform/platform.ts';
import { startService } from './platform/service.ts';
import { submitJob, uploadScript } from './platform/submission.ts';

const ROUNDS = 5;
const SCRIPT = 'print(1)\n';
const WORKER = fileURLToPath(import.meta.resolve('@nexus/worker/main'));
const NO_TIME = { createMs: 0, startMs: 0, bootMs: 0, stopMs: 0, deleteMs: 0 };

interface Steps {
  queuedToIntended: number;
  intendedToJoined: number;
  joinedToStarted: number;
  all: number;
}

await withFolder(async (folder) => {
  const cluster = await startDatabaseServer(folder, { isProfiling: false });
  try {
    const plane = await startControlPlane(cluster, { folder, name: 'rent' });
    try {
      title(`First start on a rented server that boots in no time, ${ROUNDS} rounds, medians`);
      const user = await plane.openUser('ana');
      await uploadScript(user, SCRIPT);
      const measured: Steps[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const rented = await startCloud(join(folder, `round-${round}`), {
          databaseUrl: cluster.url('rent'),
          apiBase: plane.url,
        });
        const job = { script: 'one.py', text: SCRIPT, args: [[`${round}`]] };
        const { batchId } = await submitJob(user, job);
        measured.push(await readSteps(plane.database, batchId));
        await rented.stop();
        await forget(plane.database);
      }
      print(measured);
    } finally {
      await plane.stop();
    }
  } finally {
    await cluster.stop();
  }
});
process.exit();

/** The next round begins with nothing, in a cloud that counts its servers from 1 again. */
async function forget(database: Database): Promise<void> {
  await database.query("update workers set state = 'gone'");
  await database.query(
    `update servers set state = 'gone', gone_at = now(), cloud_id = null, created_at = null where state <> 'gone'`,
  );
}

async function startCloud(
  folder: string,
  place: { databaseUrl: string; apiBase: string },
): Promise<{ stop(): Promise<void> }> {
  await mkdir(folder, { recursive: true });
  const machines: Machines = {
    boot: ({ server, userData }) => {
      // What renderUserData below has written.
      const told = JSON.parse(userData) as Record<string, string>;
      const worker = startService({
        command: process.execPath,
        args: ['--disable-warning=ExperimentalWarning', WORKER],
        logPath: join(folder, `${server.name}.log`),
        env: {
          ...told,
          WORKER_FOLDER: join(folder, server.name),
          WORKER_DRAIN_SECONDS: '0',
          // The bundle that real servers run is one compiled file; this keeps up with it.
          NODE_COMPILE_CACHE: join(folder, '..', 'compiled'),
        },
      });
      return Promise.resolve({ stop: () => worker.stop() });
    },
  };
  const simulator = createHetznerSimulator({ timings: NO_TIME, machines });
  await simulator.listen();
  const config = parseConfig(configSchema, {
    DATABASE_URL: place.databaseUrl,
    API_BASE: place.apiBase,
    ORCHESTRATOR_ENABLED: 'true',
    HETZNER_API_TOKEN: simulator.token,
    HETZNER_ENDPOINT: simulator.url,
    HETZNER_SSH_KEY_PATH: join(folder, 'ssh', 'key'),
  });
  const daemon = createApp(config, {
    logger: silentLogger,
    boot: {
      architectures: ['x86'],
      renderUserData: ({ name, slots, joinToken }) =>
        JSON.stringify({
          API_BASE: place.apiBase,
          WORKER_NAME: name,
          WORKER_SLOTS: String(slots),
          WORKER_JOIN_TOKEN: joinToken,
        }),
    },
  });
  // The daemon has been up for long when work comes.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  return {
    stop: async () => {
      daemon.stop();
      await daemon.ended;
      await simulator.close();
    },
  };
}

async function readSteps(database: Database, batchId: string): Promise<Steps> {
  for (;;) {
    const [row] = await database.query<Steps>(
      `select extract(epoch from s.intended_at - e.queued_at)::float8 * 1000 as "queuedToIntended",
         extract(epoch from w.registered_at - s.intended_at)::float8 * 1000 as "intendedToJoined",
         extract(epoch from e.started_at - w.registered_at)::float8 * 1000 as "joinedToStarted",
         extract(epoch from e.started_at - e.queued_at)::float8 * 1000 as "all"
       from executions e join workers w on w.id = e.worker_id join servers s on s.id = w.server_id
       where e.batch_id = $1 and e.state = 'succeeded'`,
      [batchId],
    );
    if (row) return row;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function print(measured: readonly Steps[]): void {
  const of = (key: keyof Steps) => median(measured.map((steps) => steps[key]));
  printTable(
    ['from', 'to', 'time'],
    [
      ['queued', 'in the books', ms(of('queuedToIntended'))],
      ['in the books', 'ordered, worker started and joined', ms(of('intendedToJoined'))],
      ['joined', 'script started', ms(of('joinedToStarted'))],
      ['queued', 'script started', ms(of('all'))],
    ],
  );
  const all = of('all');
  printTargets([
    { what: 'queued to started', measured: ms(all), target: '< 2 s', isMet: all < 2000 },
  ]);
}
