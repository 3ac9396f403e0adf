import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { createApp, type App } from '@nexus/autoscaler';
import { configSchema } from '@nexus/autoscaler/config';
import {
  costSchema,
  estimateSchema,
  executionCostListSchema,
  type Cost,
} from '@nexus/grid/contract';
import { parseConfig } from '@nexus/kit/config';
import { createLogger } from '@nexus/kit/logger';
import { createRealClock, type Clock, type HetznerSimulator } from '@nexus/simulators/hetzner';

import { runToEnd, submit } from './src/submit.ts';
import { bootPlan, NO_TIME, startTestCloud } from './src/test-cloud.ts';
import { startTestGrid, type TestGrid } from './src/test-grid.ts';

let grid: TestGrid;
let cloud: HetznerSimulator;
let daemon: App;
/** The cloud's clock, and the daemon's, are ahead by so much. */
let aheadMs = 0;

beforeAll(async () => {
  grid = await startTestGrid({ workers: 0 });
  const real = createRealClock();
  const clock: Clock = {
    now: () => real.now() + aheadMs,
    wakeAt: (at, wake) => real.wakeAt(at - aheadMs, wake),
  };
  cloud = await startTestCloud(grid.folder, { timings: NO_TIME, clock });
  const config = parseConfig(configSchema, {
    ...{ DATABASE_URL: grid.databaseUrl, API_BASE: grid.url, ORCHESTRATOR_ENABLED: 'true' },
    ...{ HETZNER_API_TOKEN: cloud.token, HETZNER_ENDPOINT: cloud.url },
    HETZNER_SSH_KEY_PATH: join(grid.folder, 'ssh', 'worker_key'),
    BUDGET_EUR_PER_MONTH: '5',
    // On a machine with much to do a worker may give up at its start: then another server is made.
    BOOT_DEADLINE: '30',
  });
  const destination = join(grid.folder, 'autoscaler.log');
  const logger = createLogger({ name: 'autoscaler', level: 'debug', destination });
  const now = () => new Date(clock.now());
  daemon = createApp(config, { logger, boot: bootPlan(grid.url), now });
});

afterAll(async () => {
  daemon.stop();
  await daemon.ended;
  await cloud.close();
  await grid.stop();
});

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 100_000; waitedMs += 50) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain: ${what}`);
}

const since = 'since=2000-01-01T00:00:00.000Z';

async function readCost(): Promise<Cost> {
  return costSchema.parse((await grid.api.get(`/cost?${since}`)).body);
}

async function count(query: string): Promise<number> {
  const [row] = await grid.database.query<{ count: number }>(`select count(*) from ${query}`);
  return row?.count ?? 0;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

async function skip(ms: number): Promise<void> {
  aheadMs += ms;
  await grid.database.query("select pg_notify('nexus_signals', 'skipped queue')");
}

/** Time that the hour being paid still has, of the server whose hour ends first. */
function paidLeftMs(): number {
  const now = Date.now() + aheadMs;
  return Math.min(
    ...cloud.account.servers().map(({ createdAt }) => HOUR_MS - ((now - createdAt) % HOUR_MS)),
  );
}

/** Until the cloud has deleted all servers, one paid hour after the other, and their bills are split up. */
async function giveBack(): Promise<void> {
  await until('no server is left', async () => {
    if (cloud.account.servers().length === 0) return true;
    if (paidLeftMs() > 2 * MINUTE_MS) await skip(paidLeftMs() - 1.5 * MINUTE_MS);
    return false;
  });
  await until(
    'every bill is split up',
    async () =>
      (await count("servers where state <> 'gone'")) === 0 &&
      (await count('servers where created_at is not null')) === (await count('server_bills')),
  );
}

test(
  'what executions, boot, idle time and addresses cost is what the cloud bills',
  { timeout: 300_000 },
  async () => {
    const files = { 'main.py': 'import sys; sys.exit(int(sys.argv[1]))\n' };
    const executions = [0, 0, 3, 0, 0, 0].map((code) => ({ args: [`${code}`] }));
    const first = await submit(grid.api, {
      ...{ files, script: 'main.py', executions },
      submission: { retries: 1 },
    });
    await runToEnd(grid.api, first.batchId);
    const running = await readCost();
    expect(running.servers.totalMicros).toBe(cloud.account.bill().totalMicros);
    expect(running.servers.running.servers).toBeGreaterThan(0);
    // The price list of the cloud has come through the daemon to whoever asks beforehand.
    const { body } = await grid.api.get('/estimate?script=main.py&executions=100');
    expect(estimateSchema.parse(body).options.at(-1)?.servers).toBeGreaterThan(0);

    // Two that run into a second hour of their server.
    const second = await submit(grid.api, {
      ...{ files: { 'main.py': 'import time; time.sleep(3)\n' }, script: 'main.py' },
      executions: [{ args: ['a'] }, { args: ['b'] }],
    });
    await until('both run', async () => (await count("executions where state = 'running'")) === 2);
    await skip(HOUR_MS + MINUTE_MS);
    await runToEnd(grid.api, second.batchId);
    await giveBack();

    const cost = await readCost();
    const bill = cloud.account.bill();
    expect(bill.lines.some(({ startedHours }) => startedHours > 1)).toBe(true);
    expect(cost.servers.totalMicros).toBe(bill.totalMicros);
    expect(cost.servers.running.servers).toBe(0);
    const { executionsMicros, bootMicros, idleMicros, ipv4Micros } = cost.servers;
    expect(executionsMicros + bootMicros + idleMicros + ipv4Micros).toBe(bill.totalMicros);
    expect(executionsMicros).toBeGreaterThan(0);
    expect(cost).toMatchObject({ totalMicros: executionsMicros, provisionalMicros: 0 });
    const listed = executionCostListSchema.parse(
      (await grid.api.get(`/cost/executions?${since}`)).body,
    );
    expect(listed.executions).toHaveLength(8);
    expect(listed.executions.reduce((sum, { costMicros }) => sum + costMicros, 0)).toBe(
      executionsMicros,
    );
    expect(cost.budget).toMatchObject({ limitMicros: 5e6, committedMicros: bill.totalMicros });
  },
);
