import { expect, onTestFinished, test } from 'vitest';

import type { Cost, ExecutionCostList } from '@nexus/grid/contract';
import { startScriptedServer } from '@nexus/testkit';

import { makeFolder, runCli } from '../testing/run-cli.ts';

const NOTHING = {
  ...{ servers: 0, totalMicros: 0, executionsMicros: 0, bootMicros: 0, idleMicros: 0 },
  ipv4Micros: 0,
};
const COST: Cost = {
  ...{ since: '2026-11-01T00:00:00.000Z', until: '2026-11-08T00:00:00.000Z' },
  ...{ totalMicros: 3410, provisionalMicros: 0, slotSeconds: 1800, executions: 2 },
  days: [{ day: '2026-11-02', executions: 2, slotSeconds: 1800, costMicros: 3410 }],
  batches: [
    {
      ...{ batchId: 'k3m9x7q2abcd', script: 'main.py' },
      ...{ executions: 2, slotSeconds: 1800, costMicros: 3410 },
    },
  ],
  servers: {
    ...{ servers: 1, totalMicros: 9600, executionsMicros: 3410, bootMicros: 440 },
    ...{ idleMicros: 4950, ipv4Micros: 800, running: NOTHING },
  },
  budget: null,
};
const RANGE = 'since=2026-11-01T00%3A00%3A00.000Z&until=2026-11-08T00%3A00%3A00.000Z';
const WEEK = ['--since', '2026-11-01', '--until', '2026-11-08'];

/** One call of the verb, and what the platform answers to each request of it. */
async function cost(words: readonly string[], answers: readonly [path: string, json: unknown][]) {
  const server = await startScriptedServer(
    answers.map(([path, json]) => ({
      request: `GET /api/v1${path}`,
      reply: { status: 200, json },
    })),
  );
  onTestFinished(async () => {
    await server.close();
    server.verify();
  });
  return runCli({ url: server.url, key: 'rgrid_test_key' }, ['cost', ...words], {
    cwd: makeFolder('cost'),
  });
}

const summary = (more: Partial<Cost>) => cost(WEEK, [[`/cost?${RANGE}`, { ...COST, ...more }]]);

test('idle time, boot and addresses are lines of their own, with their sum', async () => {
  const { stdout, exitCode } = await summary({});
  expect(exitCode).toBe(0);
  expect(stdout).toContain('What the cloud bills for 1 server of the whole grid:');
  const lines =
    /executions +€([\d.]+)\n +idle +€([\d.]+)\n +boot +€([\d.]+)\n +IPv4 +€([\d.]+)\n +sum +€([\d.]+)\n/;
  const [, ...euros] = lines.exec(stdout) ?? [];
  expect(euros).toEqual(['0.003410', '0.004950', '0.000440', '0.000800', '0.009600']);
  expect(stdout).not.toContain('provisional');
});

test('says what may still change', async () => {
  const running = { ...NOTHING, servers: 2, totalMicros: 1234 };
  const servers = { ...COST.servers, running };
  const { stdout } = await summary({ provisionalMicros: 20_000, servers });
  expect(stdout).toContain(
    '€0.02 of it is provisional: it becomes exact when the servers are gone',
  );
  expect(stdout).toContain('€0.001234 of it is provisional: 2 servers not billed to the end');
});

test.each([
  ['ok', '', 'of €10.00 (79 %)'],
  ['warning', 'Warning: most of the budget is used.', 'of €10.00 (79 %)'],
  ['reached', 'no new server is made', 'of €10.00 (79 %)'],
] as const)('shows the month when it is %s', async (level, warning, limit) => {
  const budget = { limitMicros: 10e6, committedMicros: 7_999_999, reservedMicros: 20_000 };
  const { stdout } = await summary({ budget: { ...budget, level, asOf: COST.until } });
  expect(stdout).toContain(`This month: €8.00 committed, at worst €0.02 more reserved, ${limit}`);
  expect(stdout).toContain(warning);
  expect(stdout.includes('Warning')).toBe(level !== 'ok');
});

test('a month without a limit says so', async () => {
  const budget = { limitMicros: null, committedMicros: 5e6, reservedMicros: 0 };
  const { stdout } = await summary({ budget: { ...budget, level: 'ok', asOf: COST.until } });
  expect(stdout).toContain('€5.00 committed, at worst €0.00 more reserved, no limit is set');
});

test('a grid that never rented a server says nothing of servers', async () => {
  const { stdout } = await summary({ servers: { ...NOTHING, running: NOTHING } });
  expect(stdout).not.toContain('cloud bills');
});

test('--json is the answer as it came', async () => {
  const { stdout } = await cost([...WEEK, '--json'], [[`/cost?${RANGE}`, COST]]);
  expect(JSON.parse(stdout)).toEqual(COST);
});

function execution(id: string, costMicros: number): ExecutionCostList['executions'][number] {
  const about = { executionId: id, label: `${id}.csv`, script: 'main.py', attempts: 1 };
  return { ...about, slotSeconds: 60, costMicros, isProvisional: false };
}

test('an id is broken down to its executions, over all pages, the dearest first', async () => {
  const batch = 'batch=k3m9x7q2abcd';
  const { stdout } = await cost(
    ['k3m9x7q2abcd'],
    [
      [
        `/cost/executions?${batch}`,
        { executions: [execution('k3m9x7q2abcd-0', 10_000)], nextCursor: 'k3m9x7q2abcd-0' },
      ],
      [
        `/cost/executions?${batch}&cursor=k3m9x7q2abcd-0`,
        { executions: [execution('k3m9x7q2abcd-1', 20_000)], nextCursor: null },
      ],
    ],
  );
  expect(stdout.indexOf('abcd-1 ')).toBeLessThan(stdout.indexOf('abcd-0 '));
  expect(stdout).toContain('€0.03 for 2 executions\n');
});

test('an execution is shown alone, with the sum of what is shown', async () => {
  const executions = [execution('k3m9x7q2abcd-0', 1), execution('k3m9x7q2abcd-1', 2)];
  const { stdout } = await cost(
    ['k3m9x7q2abcd-1', '--json'],
    [['/cost/executions?batch=k3m9x7q2abcd', { executions, nextCursor: null }]],
  );
  expect(JSON.parse(stdout)).toEqual({ totalMicros: 2, executions: executions.slice(1) });
});
