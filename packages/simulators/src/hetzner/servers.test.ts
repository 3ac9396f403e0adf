import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  createApi,
  createCheckedHetzner,
  PUBLIC_KEYS,
  SERVER,
  type Api,
} from '../testing/index.ts';
import { createManualClock, type ManualClock, type HetznerSimulator } from './index.ts';

let clock: ManualClock;
let simulator: HetznerSimulator;
let api: Api;

beforeEach(() => {
  clock = createManualClock();
  simulator = createCheckedHetzner({ clock });
  api = createApi(simulator);
});

afterEach(() => simulator.close());

describe('the life of a server', () => {
  test('it is initializing, then starting, then running, and its actions end one after another', async () => {
    const { status, body } = await api('POST', '/servers', SERVER);
    expect(status).toBe(201);
    expect(body.server).toMatchObject({ status: 'initializing', locked: true, name: 'w1' });
    expect(body.action).toMatchObject({ command: 'create_server', status: 'running', progress: 0 });
    expect(body.next_actions).toMatchObject([{ command: 'start_server', status: 'running' }]);
    clock.advance(4000);
    const half = await api('GET', `/actions/${body.action.id}`);
    expect(half.body.action).toMatchObject({ status: 'running', progress: 50, finished: null });
    clock.advance(4000);
    expect(await statusOf(body.server.id)).toBe('starting');
    clock.advance(3000);
    expect(await statusOf(body.server.id)).toBe('running');
    const ids = [body.action.id, body.next_actions[0].id].map((id) => `id=${id}`).join('&');
    const ended = await api('GET', `/actions?${ids}`);
    expect(ended.body.actions).toMatchObject([
      { status: 'success', progress: 100, error: null },
      { status: 'success', progress: 100, error: null },
    ]);
  });

  test('it is off if it is not to be started, and can be turned on and off', async () => {
    const id = await create({ start_after_create: false });
    clock.advance(60_000);
    expect(await statusOf(id)).toBe('off');
    for (const [action, command, status] of [
      ['poweron', 'start_server', 'running'],
      ['reboot', 'reboot_server', 'running'],
      ['reset', 'reset_server', 'running'],
      ['shutdown', 'shutdown_server', 'off'],
      ['poweron', 'start_server', 'running'],
      ['poweroff', 'stop_server', 'off'],
    ]) {
      const { body } = await api('POST', `/servers/${id}/actions/${action}`);
      expect(body.action.command).toBe(command);
      clock.advance(60_000);
      expect(await statusOf(id)).toBe(status);
    }
  });

  test('a shutdown has succeeded before the server is off', async () => {
    const id = await createRunning();
    const { body } = await api('POST', `/servers/${id}/actions/shutdown`);
    clock.advance(1000);
    const action = await api('GET', `/actions/${body.action.id}`);
    expect(action.body.action.status).toBe('success');
    expect(await statusOf(id)).toBe('running');
    clock.advance(5000);
    expect(await statusOf(id)).toBe('off');
  });

  test('a deleted server is deleting for a moment, and then it is gone with its addresses', async () => {
    const id = await createRunning();
    const { status, body } = await api('DELETE', `/servers/${id}`);
    expect(status).toBe(200);
    expect(body.action).toMatchObject({ command: 'delete_server', status: 'running' });
    expect(await statusOf(id)).toBe('deleting');
    clock.advance(2000);
    expect((await api('GET', `/servers/${id}`)).status).toBe(404);
    expect((await api('GET', `/actions/${body.action.id}`)).body.action.status).toBe('success');
    expect((await api('GET', '/primary_ips')).body.primary_ips).toEqual([]);
    expect(simulator.account.servers()).toEqual([]);
  });

  test('it can be rebuilt, change its type when it is off, and leave a snapshot behind', async () => {
    const id = await createRunning();
    await api('POST', `/servers/${id}/actions/rebuild`, { image: 'debian-13' });
    expect(await statusOf(id)).toBe('rebuilding');
    clock.advance(60_000);
    const change = { server_type: 'cx33', upgrade_disk: false };
    const early = await api('POST', `/servers/${id}/actions/change_type`, change);
    expect(early.body.error.code).toBe('server_not_stopped');
    await api('POST', `/servers/${id}/actions/poweroff`);
    clock.advance(60_000);
    const unfit = { server_type: 'cax11', upgrade_disk: false };
    const refused = await api('POST', `/servers/${id}/actions/change_type`, unfit);
    expect(refused.body.error.code).toBe('invalid_server_type');
    await api('POST', `/servers/${id}/actions/change_type`, change);
    clock.advance(60_000);
    const { body } = await api('GET', `/servers/${id}`);
    expect(body.server).toMatchObject({
      server_type: { name: 'cx33' },
      image: { name: 'debian-13' },
      primary_disk_size: 40,
    });
    const snapshot = await api('POST', `/servers/${id}/actions/create_image`, {
      description: 'worker',
      labels: { role: 'worker' },
    });
    expect(snapshot.body.image).toMatchObject({ type: 'snapshot', status: 'creating', name: null });
    clock.advance(60_000);
    const found = await api('GET', '/images?type=snapshot&label_selector=role=worker');
    expect(found.body.images).toMatchObject([{ status: 'available', created_from: { id } }]);
    const slow = await create({ name: 'w2', image: snapshot.body.image.id });
    clock.advance(20_000);
    expect(await statusOf(slow)).toBe('initializing');
    clock.advance(130_000);
    expect(await statusOf(slow)).toBe('running');
  });
});

describe('what is refused', () => {
  test.each([
    [{ name: 'not_a_hostname' }, 422, 'invalid_input'],
    [{ name: '' }, 422, 'invalid_input'],
    [{ name: 'a'.repeat(64) }, 422, 'invalid_input'],
    [{ labels: { 'hetzner.cloud/x': '1' } }, 422, 'invalid_input'],
    [{ user_data: 'x'.repeat(32 * 1024 + 1) }, 422, 'invalid_input'],
    [{ location: 'sin' }, 422, 'invalid_input'],
    [{ location: 'moon' }, 404, 'not_found'],
    [{ datacenter: 'fsn1-dc14' }, 422, 'invalid_input'],
    [{ server_type: 'cx22' }, 404, 'not_found'],
    [{ server_type: 104 }, 422, 'invalid_input'],
    [{ server_type: 'cx99' }, 404, 'not_found'],
    [{ image: 'windows' }, 404, 'not_found'],
    [{ image: 161547270 }, 422, 'invalid_input'],
    [{ ssh_keys: ['nobody'] }, 404, 'not_found'],
    [{ networks: [1] }, 404, 'not_found'],
    [{ firewalls: [{ firewall: 1 }] }, 404, 'not_found'],
    [{ public_net: { enable_ipv4: false, enable_ipv6: false } }, 422, 'invalid_input'],
    [{ server_type: undefined }, 422, 'invalid_input'],
  ])('a server with %j: %i %s', async (changes, status, code) => {
    const reply = await api('POST', '/servers', { ...SERVER, ...changes });
    expect([reply.status, reply.body.error.code]).toEqual([status, code]);
    expect(simulator.account.servers()).toEqual([]);
    expect(simulator.account.bill().totalMicros).toBe(0);
  });

  test('invalid input names the fields, an unsupported location says so', async () => {
    const { body } = await api('POST', '/servers', { name: 'ok' });
    expect(body.error.details.fields).toMatchObject([{ name: 'server_type' }, { name: 'image' }]);
    const place = await api('POST', '/servers', { ...SERVER, location: 'sin' });
    expect(place.body.error.message).toBe('unsupported location for server type');
  });

  test('a second server of the name, until the first is gone', async () => {
    const id = await createRunning();
    const { status, body } = await api('POST', '/servers', SERVER);
    expect(status).toBe(409);
    expect(body.error).toMatchObject({
      code: 'uniqueness_error',
      message: 'server name is already used',
      details: { fields: [{ name: 'name' }] },
    });
    await api('DELETE', `/servers/${id}`);
    clock.advance(2000);
    expect((await api('POST', '/servers', SERVER)).status).toBe(201);
  });

  test('everything, as long as an action locks the server', async () => {
    const id = await create({});
    for (const [method, path] of [
      ['DELETE', ''],
      ['POST', '/actions/poweroff'],
      ['POST', '/actions/change_protection'],
    ]) {
      const reply = await api(method ?? '', `/servers/${id}${path}`, {});
      expect([reply.status, reply.body.error.code]).toEqual([423, 'locked']);
    }
    clock.advance(60_000);
    expect((await api('DELETE', `/servers/${id}`)).status).toBe(200);
  });

  test('the deletion of a protected server, until it is protected no more', async () => {
    const id = await createRunning();
    await api('POST', `/servers/${id}/actions/change_protection`, { delete: true, rebuild: true });
    clock.advance(1000);
    const reply = await api('DELETE', `/servers/${id}`);
    expect([reply.status, reply.body.error.code]).toEqual([423, 'protected']);
    const rebuild = await api('POST', `/servers/${id}/actions/rebuild`, { image: 'debian-13' });
    expect(rebuild.body.error.code).toBe('protected');
    await api('POST', `/servers/${id}/actions/change_protection`, { delete: false });
    clock.advance(1000);
    expect((await api('DELETE', `/servers/${id}`)).status).toBe(200);
  });
});

test('a password is made only for a server without SSH keys', async () => {
  const without = await api('POST', '/servers', SERVER);
  expect(without.body.root_password).toMatch(/^.{20}$/);
  const key = await api('POST', '/ssh_keys', { name: 'k', public_key: PUBLIC_KEYS[0] });
  const byId = { ...SERVER, name: 'w2', ssh_keys: [key.body.ssh_key.id] };
  expect((await api('POST', '/servers', byId)).body.root_password).toBeNull();
  const byName = { ...SERVER, name: 'w3', ssh_keys: ['k'] };
  expect((await api('POST', '/servers', byName)).body.root_password).toBeNull();
});

test('an update replaces all labels and keeps names unique', async () => {
  const id = await create({ labels: { a: '1', b: '2' } });
  const { body } = await api('PUT', `/servers/${id}`, { labels: { c: '3' } });
  expect(body.server.labels).toEqual({ c: '3' });
  await create({ name: 'w2' });
  expect((await api('PUT', `/servers/${id}`, { name: 'w2' })).status).toBe(409);
  expect((await api('PUT', `/servers/${id}`, { name: 'no_host' })).status).toBe(422);
  expect((await api('PUT', `/servers/${id}`, { name: 'w3' })).body.server.name).toBe('w3');
});

test('a placement group takes ten servers', async () => {
  const group = await api('POST', '/placement_groups', { name: 'g', type: 'spread' });
  const { id } = group.body.placement_group;
  for (let count = 1; count <= 10; count += 1) {
    await create({ name: `w${count}`, placement_group: id });
  }
  const reply = await api('POST', '/servers', { ...SERVER, name: 'w11', placement_group: id });
  expect([reply.status, reply.body.error.code]).toEqual([422, 'placement_error']);
  const shown = await api('GET', `/placement_groups/${id}`);
  expect(shown.body.placement_group.servers).toHaveLength(10);
  expect((await api('DELETE', `/placement_groups/${id}`)).status).toBe(204);
});

test('stock, prices, limits and retired types are what the account says', async () => {
  simulator.account.stock.set('cx23', 'fsn1', 1);
  await create({});
  const soldOut = await api('POST', '/servers', { ...SERVER, name: 'w2' });
  expect(soldOut.status).toBe(412);
  expect(soldOut.body.error).toMatchObject({
    code: 'resource_unavailable',
    message: 'error during placement',
  });
  const { body } = await api('GET', '/server_types?name=cx23');
  const [type] = body.server_types;
  expect(type.locations[0]).toMatchObject({ name: 'fsn1', available: false, recommended: false });
  expect(type.locations[1]).toMatchObject({ name: 'nbg1', available: true });
  expect(type.prices[0].price_hourly).toEqual({ net: '0.0088000000', gross: '0.0104720000000000' });
  // Without a wish for a place, one that has it is taken.
  await create({ name: 'w2', location: undefined });
  expect(simulator.account.servers()[1]?.location).toBe('nbg1');
  simulator.account.limits.servers = 2;
  const limited = await api('POST', '/servers', { ...SERVER, name: 'w3', location: 'nbg1' });
  expect([limited.status, limited.body.error.message]).toEqual([403, 'server limit exceeded']);
  expect((await api('GET', '/server_types?name=cx22')).body.server_types).toEqual([]);
});

test('a type is on sale until the day it was announced to end', async () => {
  const before = createManualClock(Date.UTC(2025, 10, 20));
  const past = createCheckedHetzner({ clock: before });
  const pastApi = createApi(past);
  const { body } = await pastApi('GET', '/server_types?name=cx22');
  expect(body.server_types[0]).toMatchObject({
    deprecated: true,
    deprecation: { unavailable_after: '2025-12-31T23:59:59Z' },
  });
  expect((await pastApi('POST', '/servers', { ...SERVER, server_type: 'cx22' })).status).toBe(201);
  await past.close();
});

test('addresses of deleted servers count towards the limit until they are released', async () => {
  simulator.account.limits.primaryIps = 1;
  const id = await createRunning();
  await api('DELETE', `/servers/${id}`);
  clock.advance(2000);
  const early = await api('POST', '/servers', SERVER);
  expect([early.status, early.body.error.message]).toEqual([403, 'Primary IP limit exceeded']);
  const withoutIpv4 = { ...SERVER, name: 'w2', public_net: { enable_ipv4: false } };
  expect((await api('POST', '/servers', withoutIpv4)).status).toBe(201);
  clock.advance(30_000);
  expect((await api('POST', '/servers', SERVER)).status).toBe(201);
});

test('the bill counts started hours from creation, off or not, with IPv4 on its own line', async () => {
  const id = await createRunning();
  await api('POST', `/servers/${id}/actions/poweroff`);
  clock.advance(3_600_000);
  expect(simulator.account.bill().lines).toMatchObject([
    { kind: 'server', serverType: 'cx23', startedHours: 2, micros: 2 * 8800 },
    { kind: 'ipv4', serverId: id, startedHours: 2, micros: 2 * 800 },
  ]);
  await api('DELETE', `/servers/${id}`);
  clock.advance(10 * 3_600_000);
  expect(simulator.account.bill().totalMicros).toBe(2 * 9600);
});

test('projects do not see each other and share the limits of the account', async () => {
  const shared = createCheckedHetzner({
    clock,
    limits: { servers: 1 },
    tokens: [
      { token: 'one', project: 'a' },
      { token: 'two', project: 'b' },
      { token: 'eyes', project: 'a', isReadOnly: true },
    ],
  });
  const [one, two, eyes] = ['one', 'two', 'eyes'].map((token) => createApi(shared, token));
  const { body } = (await one?.('POST', '/servers', SERVER)) ?? {};
  expect((await two?.('GET', `/servers/${body.server.id}`))?.status).toBe(404);
  expect((await two?.('POST', '/servers', SERVER))?.body.error.code).toBe(
    'resource_limit_exceeded',
  );
  expect((await eyes?.('GET', '/servers'))?.body.servers).toHaveLength(1);
  const refused = await eyes?.('DELETE', `/servers/${body.server.id}`);
  expect([refused?.status, refused?.body.error.code]).toEqual([401, 'token_readonly']);
  const stranger = await createApi(shared, 'three')('GET', '/servers');
  expect([stranger.status, stranger.body.error.code]).toEqual([401, 'unauthorized']);
  await shared.close();
});

async function create(changes: Record<string, unknown>): Promise<number> {
  const { body } = await api('POST', '/servers', { ...SERVER, ...changes });
  return body.server.id;
}

async function createRunning(): Promise<number> {
  const id = await create({});
  clock.advance(60_000);
  return id;
}

async function statusOf(id: number): Promise<string> {
  return (await api('GET', `/servers/${id}`)).body.server.status;
}
