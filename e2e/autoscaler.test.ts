import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createApp, type App } from '@nexus/autoscaler';
import { configSchema } from '@nexus/autoscaler/config';
import { parseConfig } from '@nexus/kit/config';
import { createLogger } from '@nexus/kit/logger';
import type { HetznerSimulator } from '@nexus/simulators/hetzner';

import { runToEnd, submit } from './src/submit.ts';
import { bootPlan, NO_TIME, startTestCloud } from './src/test-cloud.ts';
import { startTestGrid, type TestGrid } from './src/test-grid.ts';

const JOB = { files: { 'main.py': 'import sys; print(sys.argv[1])\n' }, script: 'main.py' };

let grid: TestGrid;
let cloud: HetznerSimulator;
let daemon: App;

beforeAll(async () => {
  grid = await startTestGrid({ workers: 0 });
  cloud = await startTestCloud(grid.folder, { timings: NO_TIME });
  daemon = startDaemon();
});

afterAll(async () => {
  daemon.stop();
  await daemon.ended;
  await cloud.close();
  await grid.stop();
});

function startDaemon(more: Record<string, string> = {}): App {
  const config = parseConfig(configSchema, {
    DATABASE_URL: grid.databaseUrl,
    ORCHESTRATOR_ENABLED: 'true',
    HETZNER_API_TOKEN: cloud.token,
    HETZNER_ENDPOINT: cloud.url,
    HETZNER_SSH_KEY_PATH: join(grid.folder, 'ssh', 'worker_key'),
    API_BASE: grid.url,
    ...more,
  });
  const logger = createLogger({
    name: 'autoscaler',
    level: 'debug',
    destination: join(grid.folder, 'autoscaler.log'),
  });
  return createApp(config, { logger, boot: bootPlan(grid.url) });
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 50) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain: ${what}`);
}

const countBy = async (state: string): Promise<number> => {
  const [row] = await grid.database.query<{ count: number }>(
    'select count(*) from servers where state = $1',
    [state],
  );
  return row?.count ?? 0;
};

describe('a grid without a worker', { timeout: 180_000 }, () => {
  test('rents a server for what waits, runs it there, and gives the server back before its next hour', async () => {
    const numbers = Array.from({ length: 6 }, (_, index) => ({ args: [`${index}`] }));
    const { batchId } = await submit(grid.api, { ...JOB, executions: numbers });
    const ended = await runToEnd(grid.api, batchId);
    expect(ended.map(({ execution }) => execution.state)).toEqual(numbers.map(() => 'succeeded'));
    expect(cloud.account.servers()).not.toEqual([]);
    await until(
      'each server has its worker',
      async () => (await countBy('active')) === cloud.account.servers().length,
    );

    // The last minutes of the paid hour.
    await grid.database.query(
      "update servers set created_at = created_at - interval '58 minutes 30 seconds'",
    );
    await until('no server is left', () => cloud.account.servers().length === 0);
    await until(
      'the books say so too',
      async () => (await countBy('gone')) > 0 && (await countBy('active')) === 0,
    );
  });
});
