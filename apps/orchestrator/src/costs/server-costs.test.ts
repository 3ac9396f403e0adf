import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { costSchema, executionCostListSchema, type Cost } from '@nexus/grid/contract';

import { GridBooks, type AttemptGiven, type ServerGiven } from '../testing/grid-books.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';
import { settleServers } from './settle-servers.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOON = Date.UTC(2026, 9, 10, 12);

let plane: TestControlPlane;
let ana: TestAccount;
let books: GridBooks;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
  books = new GridBooks(plane.database, ana);
});

beforeEach(() => books.clear());

afterAll(() => plane.stop());

function attempt(fromMs: number, minutes: number, outcome: string | null = 'succeeded') {
  const times = { leasedAtMs: fromMs, endedAtMs: fromMs + minutes * MINUTE_MS };
  return { ...times, outcome, provisionalMicros: 11 };
}

function server(createdAtMs: number, more: Partial<ServerGiven> = {}): ServerGiven {
  const times = { createdAtMs, endAtMs: createdAtMs + HOUR_MS, registeredAtMs: createdAtMs };
  return {
    ...times,
    slots: 2,
    priceMicrosPerHour: 12_000,
    ipv4MicrosPerHour: 800,
    attempts: [],
    ...more,
  };
}

async function readCost(since: number, until?: number): Promise<Cost> {
  const range = { since: new Date(since).toISOString() };
  const query = until === undefined ? range : { ...range, until: new Date(until).toISOString() };
  const answer = await ana.api.get(`/cost?${new URLSearchParams(query).toString()}`);
  return costSchema.parse(answer.body);
}

const lines = ({ servers }: Cost) =>
  servers.executionsMicros + servers.bootMicros + servers.idleMicros + servers.ipv4Micros;

describe('the costs of servers', () => {
  test('close with what the cloud bills, settled or not, gone or not', async () => {
    const now = Date.now();
    const attempts = [attempt(NOON, 30), attempt(NOON + 5 * MINUTE_MS, 10, 'lost')];
    await books.addServer(server(NOON, { attempts }));
    await settleServers(plane.database);
    // Alive for 90 minutes, with one attempt that ended and one that runs.
    const born = now - 90 * MINUTE_MS;
    const running: AttemptGiven[] = [attempt(born, 20), attempt(now - 10 * MINUTE_MS, 60, null)];
    await books.addServer(server(born, { endAtMs: null, attempts: running }));
    const cost = await readCost(NOON);
    expect(cost.servers).toMatchObject({ servers: 2, totalMicros: 3 * 12_800 });
    expect(lines(cost)).toBe(cost.servers.totalMicros);
    expect(cost.servers.running).toMatchObject({ servers: 1, totalMicros: 2 * 12_800 });
    // 20 and 10 minutes of four paid slot hours, and the moments of this test itself.
    const { executionsMicros } = cost.servers.running;
    expect(executionsMicros).toBeGreaterThanOrEqual(3000);
    expect(executionsMicros).toBeLessThan(3100);
    expect(cost.servers.executionsMicros).toBe(4000 + executionsMicros);
  });

  test('count each server once, in the time of its end', async () => {
    await books.addServer(server(NOON));
    await books.addServer(server(NOON + 2 * HOUR_MS));
    await books.addServer(server(NOON + 2 * HOUR_MS, { endAtMs: null }));
    const count = async (since: number, until: number) =>
      (await readCost(since, until)).servers.servers;
    for (const settle of [false, true]) {
      if (settle) await settleServers(plane.database);
      expect(await count(NOON, NOON + HOUR_MS)).toBe(0);
      expect(await count(NOON, NOON + HOUR_MS + 1)).toBe(1);
      expect(await count(NOON + HOUR_MS, NOON + 4 * HOUR_MS)).toBe(2);
      expect((await readCost(NOON)).servers.servers).toBe(3);
    }
  });

  test('are there for an account that has run nothing', async () => {
    await books.addServer(server(NOON));
    const bruno = await plane.createAccount('bruno');
    const { body } = await bruno.api.get(`/cost?since=${new Date(NOON).toISOString()}`);
    expect(costSchema.parse(body)).toMatchObject({
      totalMicros: 0,
      servers: { servers: 1, totalMicros: 12_800, idleMicros: 12_000, ipv4Micros: 800 },
    });
  });
});

test('executions are told one by one, adding up to the total, and say what may still change', async () => {
  const attempts = [attempt(NOON, 30), { ...attempt(NOON + 40 * MINUTE_MS, 10), again: true }];
  await books.addServer(server(NOON, { attempts }));
  await settleServers(plane.database);
  await books.addServer(server(NOON, { endAtMs: null, attempts: [attempt(NOON, 1)] }));
  const cost = await readCost(NOON);
  expect(cost).toMatchObject({ totalMicros: 4011, provisionalMicros: 11, executions: 2 });
  const read = async (query: string) => {
    const since = new Date(NOON).toISOString();
    const { body } = await ana.api.get(`/cost/executions?since=${since}${query}`);
    return executionCostListSchema.parse(body);
  };
  const { executions, nextCursor } = await read('');
  expect(executions).toMatchObject([
    { attempts: 2, slotSeconds: 2400, costMicros: 4000, isProvisional: false },
    { attempts: 1, slotSeconds: 60, costMicros: 11, isProvisional: true },
  ]);
  expect(nextCursor).toBeNull();
  const first = await read('&limit=1');
  expect(first.executions).toEqual(executions.slice(0, 1));
  const second = await read(`&limit=1&cursor=${first.nextCursor ?? ''}`);
  expect(second.executions).toEqual(executions.slice(1));
  expect((await read('&batch=a00000000000')).executions).toEqual([]);
});

describe('the budget of the month', () => {
  const set = (budget: unknown) =>
    plane.database.query('update scaling set budget = $1, planned_at = $2', [
      budget === null ? null : JSON.stringify(budget),
      new Date(NOON),
    ]);

  test('is not there where no daemon plans', async () => {
    await set(null);
    expect((await readCost(NOON)).budget).toBeNull();
  });

  test.each([
    [{ limitMicros: null, committedMicros: 9e9, reservedMicros: 0 }, 'ok'],
    [{ limitMicros: 10_000, committedMicros: 7999, reservedMicros: 2000 }, 'ok'],
    [{ limitMicros: 10_000, committedMicros: 8000, reservedMicros: 0 }, 'warning'],
    [{ limitMicros: 10_000, committedMicros: 1000, reservedMicros: 9000 }, 'reached'],
  ])('%j is %s', async (budget, level) => {
    await set(budget);
    const asOf = new Date(NOON).toISOString();
    expect((await readCost(NOON)).budget).toEqual({ ...budget, level, asOf });
  });
});
