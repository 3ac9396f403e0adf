import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { createApi, createCheckedHetzner, SERVER, type Api } from '../testing/index.ts';
import { createManualClock, type ManualClock, type HetznerSimulator } from './index.ts';

let clock: ManualClock;
let simulator: HetznerSimulator;
let api: Api;

beforeEach(() => {
  clock = createManualClock();
  simulator = createCheckedHetzner({ clock, requestsPerHour: 3600 });
  api = createApi(simulator);
});

afterEach(() => simulator.close());

describe('lists', () => {
  test('an empty one has one last page', async () => {
    const { body, headers } = await api('GET', '/servers');
    expect(body.meta.pagination).toEqual({
      ...{ page: 1, per_page: 25, previous_page: null, next_page: null },
      ...{ last_page: 1, total_entries: 0 },
    });
    expect(headers.get('link')).toBe(
      '<https://hetzner.simulated/v1/servers?page=1&per_page=25>; rel="last"',
    );
  });

  test('pages hold 25 unless asked otherwise, 50 at most, and lead to each other', async () => {
    for (let count = 1; count <= 60; count += 1) {
      await api('POST', '/servers', {
        ...SERVER,
        name: `w${count}`,
        labels: { odd: `${count % 2}` },
      });
    }
    const sizes = async (query: string) =>
      (await api('GET', `/servers${query}`)).body.servers.length;
    expect(await sizes('')).toBe(25);
    expect(await sizes('?per_page=100')).toBe(50);
    expect(await sizes('?page=2&per_page=50')).toBe(10);
    expect(await sizes('?page=9')).toBe(0);
    expect(await sizes('?label_selector=odd%3D1&per_page=50')).toBe(30);
    const { headers, body } = await api('GET', '/servers?page=2&per_page=20&sort=name:desc');
    expect(body.meta.pagination).toMatchObject({ previous_page: 1, next_page: 3, last_page: 3 });
    const link = headers.get('link') ?? '';
    expect(link).toContain('page=1&per_page=20&sort=name%3Adesc>; rel="prev"');
    expect(link).toContain('page=3&per_page=20&sort=name%3Adesc>; rel="next"');
  });

  test('they are sorted by several keys, in both directions', async () => {
    for (const name of ['b', 'a']) await api('POST', '/servers', { ...SERVER, name });
    clock.advance(1000);
    await api('POST', '/servers', { ...SERVER, name: 'c' });
    const names = async (query: string): Promise<string[]> =>
      (await api('GET', `/servers?${query}`)).body.servers.map(
        ({ name }: { name: string }) => name,
      );
    expect(await names('sort=name')).toEqual(['a', 'b', 'c']);
    expect(await names('sort=created:desc&sort=name:asc')).toEqual(['c', 'a', 'b']);
    expect(await names('sort=id:desc')).toEqual(['c', 'a', 'b']);
    expect(await names('status=initializing&status=running&name=a')).toEqual(['a']);
    expect(await names('status=running')).toEqual([]);
  });

  test.each(['sort=size', 'sort=id:up', 'page=0', 'per_page=x', 'label_selector=%3D'])(
    '%s is refused',
    async (query) => {
      const { status, body } = await api('GET', `/servers?${query}`);
      expect([status, body.error.code]).toEqual([422, 'invalid_input']);
    },
  );

  test('actions are listed by id, and by what they are about', async () => {
    const { body } = await api('POST', '/servers', SERVER);
    const { id } = body.server;
    expect((await api('GET', '/actions')).body.error.code).toBe('invalid_input');
    const some = await api('GET', `/actions?id=${body.action.id}&id=1&page=1`);
    expect(some.body.actions).toHaveLength(1);
    const own = await api('GET', `/servers/${id}/actions?sort=command`);
    expect(own.body.actions).toMatchObject([
      { command: 'create_server' },
      { command: 'start_server' },
    ]);
    const one = await api('GET', `/servers/${id}/actions/${body.action.id}`);
    expect(one.body.action.id).toBe(body.action.id);
    expect((await api('GET', '/servers/actions?status=success')).body.actions).toEqual([]);
    expect((await api('GET', '/servers/7/actions')).status).toBe(404);
  });
});

describe('the rate limit', () => {
  test('is told with every reply, and refuses what is too much', async () => {
    const { headers } = await api('GET', '/servers');
    expect(headers.get('ratelimit-remaining')).toBe('3599');
    simulator.account.useUpRequests(3599);
    const refused = await api('GET', '/servers');
    expect([refused.status, refused.body.error.code]).toEqual([429, 'rate_limit_exceeded']);
    expect(Number(refused.headers.get('ratelimit-reset'))).toBe(clock.now() / 1000 + 3600);
    clock.advance(1000);
    expect((await api('GET', '/servers')).status).toBe(200);
  });

  test('counts requests without a valid token by themselves', async () => {
    const stranger = createApi(simulator, 'wrong');
    expect((await stranger('GET', '/servers')).headers.get('ratelimit-remaining')).toBe('3599');
    expect((await stranger('GET', '/servers')).headers.get('ratelimit-remaining')).toBe('3598');
    expect((await api('GET', '/servers')).headers.get('ratelimit-remaining')).toBe('3599');
  });
});

test('unknown paths, other methods and broken JSON are told apart', async () => {
  expect((await api('GET', '/nothing')).body.error.code).toBe('not_found');
  expect((await api('GET', '/servers/abc')).body.error.code).toBe('not_found');
  expect((await api('PATCH', '/servers')).body.error.code).toBe('method_not_allowed');
  const broken = await simulator.fetch(`${simulator.url}/servers`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${simulator.token}` },
    body: '{',
  });
  expect(broken.status).toBe(400);
  expect(await broken.json()).toMatchObject({ error: { code: 'json_error', details: null } });
});

test('over a socket it is the same API, and a lost reply is a cut connection', async () => {
  const url = await simulator.listen();
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/);
  const init = { headers: { Authorization: `Bearer ${simulator.token}` } };
  const reply = await fetch(`${url}/locations/1`, init);
  expect(reply.headers.get('content-type')).toBe('application/json');
  expect(await reply.json()).toMatchObject({ location: { name: 'fsn1' } });
  expect((await fetch(url.replace('/v1', '/v2/servers'), init)).status).toBe(404);
  simulator.faults.order({ fault: { kind: 'reply_lost', isActedOn: true }, times: 1 });
  await expect(fetch(`${url}/servers`, init)).rejects.toThrow('fetch failed');
  expect((await fetch(`${url}/servers`, init)).status).toBe(200);
});

test('a fetch that is aborted while the reply is late rejects with the reason', async () => {
  simulator.faults.order({ fault: { kind: 'slow_reply', delayMs: 1000 } });
  const controller = new AbortController();
  const reply = simulator.fetch(`${simulator.url}/servers`, { signal: controller.signal });
  controller.abort(new Error('too late'));
  await expect(reply).rejects.toThrow('too late');
});
