import { afterEach, beforeEach, expect, test } from 'vitest';

import { createApi, createCheckedHetzner, SERVER, type Api } from '../testing/index.ts';
import { createManualClock, type ManualClock, type Fault, type HetznerSimulator } from './index.ts';

let clock: ManualClock;
let simulator: HetznerSimulator;
let api: Api;

beforeEach(() => {
  clock = createManualClock();
  simulator = createCheckedHetzner({ clock });
  api = createApi(simulator);
});

afterEach(() => simulator.close());

test('a reply can be lost after the server was made, or before', async () => {
  simulator.faults.order({
    fault: { kind: 'reply_lost', isActedOn: true },
    path: '/servers',
    times: 1,
  });
  await expect(api('POST', '/servers', SERVER)).rejects.toThrow('fetch failed');
  expect(simulator.account.servers()).toMatchObject([{ name: 'w1' }]);
  simulator.faults.order({ fault: { kind: 'reply_lost', isActedOn: false }, times: 1 });
  await expect(api('POST', '/servers', { ...SERVER, name: 'w2' })).rejects.toThrow('fetch failed');
  expect(simulator.account.servers()).toHaveLength(1);
});

test.each([
  [423, 'locked'],
  [429, 'rate_limit_exceeded'],
  [500, 'server_error'],
  [502, 'bad_gateway'],
  [503, 'unavailable'],
  [504, 'timeout'],
] as const)('an error %i can come instead of acting', async (status, code) => {
  simulator.faults.order({ fault: { kind: 'error', status }, method: 'POST', nth: 1 });
  const reply = await api('POST', '/servers', SERVER);
  expect([reply.status, reply.body.error.code]).toEqual([status, code]);
  expect(reply.headers.get('ratelimit-limit')).toBe('3600');
  expect((await api('POST', '/servers', SERVER)).status).toBe(201);
});

test('a page of HTML can come instead of JSON', async () => {
  simulator.faults.order({ fault: { kind: 'html', status: 502 }, times: 1 });
  const reply = await api('GET', '/servers');
  expect(reply.status).toBe(502);
  expect(reply.headers.get('content-type')).toBe('text/html');
  expect(reply.body).toContain('<html>');
});

test('a slow reply is acted on at once and comes when its time has come', async () => {
  simulator.faults.order({ fault: { kind: 'slow_reply', delayMs: 30_000 }, times: 1 });
  let isAnswered = false;
  const reply = api('POST', '/servers', SERVER).finally(() => {
    isAnswered = true;
  });
  await expect.poll(() => simulator.account.servers()).toHaveLength(1);
  clock.advance(29_999);
  await api('GET', '/servers');
  expect(isAnswered).toBe(false);
  clock.advance(1);
  expect((await reply).status).toBe(201);
});

test.each<[Fault, number, string, string]>([
  [
    { kind: 'sold_out', serverType: 'cx23', location: 'fsn1' },
    412,
    'resource_unavailable',
    'error during placement',
  ],
  [{ kind: 'sold_out' }, 412, 'resource_unavailable', 'error during placement'],
  [
    { kind: 'sold_out', location: 'fsn1', message: 'try later' },
    412,
    'resource_unavailable',
    'try later',
  ],
  [
    { kind: 'location_disabled', location: 'fsn1' },
    412,
    'resource_unavailable',
    'server location disabled',
  ],
  [
    { kind: 'limit_exceeded', limit: 'servers' },
    403,
    'resource_limit_exceeded',
    'server limit exceeded',
  ],
  [
    { kind: 'limit_exceeded', limit: 'primary_ips' },
    403,
    'resource_limit_exceeded',
    'Primary IP limit exceeded',
  ],
])('%j refuses a server', async (fault, status, code, message) => {
  const ordered = simulator.faults.order({ fault });
  const { status: actual, body } = await api('POST', '/servers', SERVER);
  expect([actual, body.error.code, body.error.message]).toEqual([status, code, message]);
  ordered.cancel();
  expect((await api('POST', '/servers', SERVER)).status).toBe(201);
});

test('what is sold out in one place is there in another, and still shown as available', async () => {
  simulator.faults.order({ fault: { kind: 'sold_out', serverType: 'cx23', location: 'fsn1' } });
  expect((await api('POST', '/servers', SERVER)).status).toBe(412);
  expect((await api('POST', '/servers', { ...SERVER, location: 'nbg1' })).status).toBe(201);
  expect(
    (await api('POST', '/servers', { ...SERVER, name: 'w2', server_type: 'cx33' })).status,
  ).toBe(201);
  const { body } = await api('GET', '/server_types?name=cx23');
  expect(body.server_types[0].locations[0]).toMatchObject({ name: 'fsn1', available: true });
});

test('a boot can be slow, or never end', async () => {
  simulator.faults.order({ fault: { kind: 'slow_boot', extraMs: 100_000 }, times: 1 });
  await api('POST', '/servers', SERVER);
  simulator.faults.order({ fault: { kind: 'stuck_boot' }, times: 1 });
  await api('POST', '/servers', { ...SERVER, name: 'w2' });
  await api('POST', '/servers', { ...SERVER, name: 'w3' });
  const bootedAfter = () =>
    simulator.account.servers().map(({ status, bootedAt }) => [status, bootedAt !== undefined]);
  clock.advance(31_000);
  expect(bootedAfter()).toEqual([
    ['running', false],
    ['running', false],
    ['running', true],
  ]);
  clock.advance(100_000);
  expect(bootedAfter()[0]).toEqual(['running', true]);
  clock.advance(24 * 3_600_000);
  expect(bootedAfter()[1]).toEqual(['running', false]);
});

test.each(['create_server', 'start_server'])(
  'a failed %s leaves a server that is off and billed',
  async (command) => {
    simulator.faults.order({ fault: { kind: 'failed_action', command }, times: 1 });
    const { body } = await api('POST', '/servers', SERVER);
    clock.advance(60_000);
    const action = command === 'create_server' ? body.action : body.next_actions[0];
    const failed = await api('GET', `/actions/${action.id}`);
    expect(failed.body.action).toMatchObject({
      status: 'error',
      error: { code: 'action_failed', message: 'Action failed' },
    });
    const last = await api('GET', `/actions/${body.next_actions[0].id}`);
    expect(last.body.action.status).toBe('error');
    expect(simulator.account.servers()).toMatchObject([{ status: 'off', isLocked: false }]);
    expect(simulator.account.bill().totalMicros).toBe(9600);
    expect((await api('DELETE', `/servers/${body.server.id}`)).status).toBe(200);
  },
);

test('an action can be slow, or never end; then the server can still be deleted', async () => {
  simulator.faults.order({
    fault: { kind: 'slow_action', command: 'create_server', extraMs: 60_000 },
    times: 1,
  });
  const slow = await api('POST', '/servers', SERVER);
  simulator.faults.order({ fault: { kind: 'stuck_action', command: 'create_server' }, times: 1 });
  const stuck = await api('POST', '/servers', { ...SERVER, name: 'w2' });
  clock.advance(60_000);
  expect(simulator.account.servers()).toMatchObject([
    { status: 'initializing' },
    { status: 'initializing' },
  ]);
  clock.advance(24 * 3_600_000);
  expect(simulator.account.servers()).toMatchObject([
    { status: 'running' },
    { status: 'initializing' },
  ]);
  const { body } = await api('GET', `/actions/${stuck.body.action.id}`);
  expect(body.action).toMatchObject({ status: 'running', finished: null });
  await api('DELETE', `/servers/${stuck.body.server.id}`);
  await api('DELETE', `/servers/${slow.body.server.id}`);
  clock.advance(2000);
  expect(simulator.account.servers()).toEqual([]);
});

test('a server can come without the IPv4 address that was asked for', async () => {
  simulator.faults.order({ fault: { kind: 'no_ipv4' }, times: 1 });
  const { body } = await api('POST', '/servers', SERVER);
  expect(body.server.public_net.ipv4).toBeNull();
  expect(body.server.public_net.ipv6).not.toBeNull();
  expect(simulator.account.bill().totalMicros).toBe(8800);
});

test('a delete can fail a number of times', async () => {
  const id = await createRunning();
  simulator.faults.order({
    fault: { kind: 'error', status: 503 },
    method: 'DELETE',
    path: '/servers/*',
    times: 3,
  });
  const statuses: number[] = [];
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    statuses.push((await api('DELETE', `/servers/${id}`)).status);
  }
  expect(statuses).toEqual([503, 503, 503, 200]);
});

test.each([
  [{ kind: 'delete_stays', reason: 'locked', lockedMs: 60_000 }, 'locked'],
  [{ kind: 'delete_stays', reason: 'protected' }, 'protected'],
] satisfies [Fault, string][])('%j: the delete is accepted and fails', async (fault, code) => {
  const id = await createRunning();
  simulator.faults.order({ fault, times: 1 });
  const accepted = await api('DELETE', `/servers/${id}`);
  expect(accepted.status).toBe(200);
  clock.advance(2000);
  const { body } = await api('GET', `/actions/${accepted.body.action.id}`);
  expect(body.action).toMatchObject({ status: 'error', error: { code } });
  const again = await api('DELETE', `/servers/${id}`);
  expect([again.status, again.body.error.code]).toEqual([423, code]);
  expect(simulator.account.servers()).toMatchObject([{ status: 'running' }]);
  if (code === 'protected') {
    await api('POST', `/servers/${id}/actions/change_protection`, { delete: false });
  }
  clock.advance(60_000);
  expect((await api('DELETE', `/servers/${id}`)).status).toBe(200);
});

test('a server can vanish by itself, and is billed no longer', async () => {
  simulator.faults.order({ fault: { kind: 'server_vanishes', afterMs: 600_000 }, times: 1 });
  await api('POST', '/servers', SERVER);
  const { body } = await api('POST', '/servers', { ...SERVER, name: 'w2' });
  clock.advance(600_000);
  expect(simulator.account.servers()).toMatchObject([{ name: 'w2' }]);
  simulator.account.vanish(body.server.id);
  expect((await api('GET', '/servers')).body.servers).toEqual([]);
  clock.advance(24 * 3_600_000);
  expect(simulator.account.bill().totalMicros).toBe(2 * 9600);
});

async function createRunning(): Promise<number> {
  const { body } = await api('POST', '/servers', SERVER);
  clock.advance(60_000);
  return body.server.id;
}
