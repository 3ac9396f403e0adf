import { describe, expect, test } from 'vitest';
import type { ScriptedExchange, ScriptedReply } from '@nexus/testkit';

import { hasCode, type ServerRequest } from '../index.ts';
import {
  actionJson,
  errorJson,
  page,
  serverJson,
  startTestProject,
} from '../testing/test-project.ts';

const list = (query: string, json: unknown): ScriptedExchange => ({
  request: `GET /servers?sort=id%3Aasc${query}&per_page=50`,
  reply: { status: 200, json },
});

describe('a list', () => {
  test('is all of its pages', async () => {
    const first = Array.from({ length: 50 }, (_, i) => serverJson(i + 1));
    const { client } = await startTestProject([
      list('&label_selector=pool%3Dgrid%2Ca%3Db&status=running&status=off&page=1', {
        ...page('servers', first, { next_page: 2, total_entries: 51 }),
      }),
      list('&label_selector=pool%3Dgrid%2Ca%3Db&status=running&status=off&page=2', {
        ...page('servers', [serverJson(51)], { page: 2, total_entries: 51 }),
      }),
    ]);
    const servers = await client.servers.list({
      labels: { pool: 'grid', a: 'b' },
      statuses: ['running', 'off'],
    });
    expect(servers.map(({ id }) => id)).toEqual(Array.from({ length: 51 }, (_, i) => i + 1));
  });

  test('is read again if something moved over the edge of a page, and names nothing twice', async () => {
    const { client } = await startTestProject([
      list('&page=1', page('servers', [serverJson(1)], { next_page: 2, total_entries: 3 })),
      // 1 was deleted: 2 is on the first page now, and was not seen.
      list('&page=2', page('servers', [serverJson(3)], { total_entries: 3 })),
      list('&page=1', page('servers', [serverJson(2)], { next_page: 2, total_entries: 2 })),
      list('&page=2', page('servers', [serverJson(2), serverJson(3)], { total_entries: 2 })),
    ]);
    expect((await client.servers.list()).map(({ id }) => id)).toEqual([2, 3]);
  });

  test('that never stands still, or that goes in circles, ends all the same', async () => {
    const moving = list('&page=1', page('servers', [serverJson(1)], { total_entries: 9 }));
    const circle = list('&page=1', page('servers', [serverJson(1)], { next_page: 1 }));
    const { client } = await startTestProject([moving, moving, moving, circle]);
    expect(await client.servers.list()).toHaveLength(1);
    expect(await client.servers.list()).toHaveLength(1);
  });
});

test('a server has what is used of it', async () => {
  const { client } = await startTestProject([
    { request: 'GET /servers/7', reply: { status: 200, json: { server: serverJson(7) } } },
  ]);
  expect(await client.servers.get(7)).toEqual({
    ...{ id: 7, name: 'worker-7', status: 'initializing', labels: { pool: 'grid' } },
    createdAt: new Date('2026-11-20T10:00:00Z'),
    ...{ serverType: 'cx23', architecture: 'x86', location: 'nbg1' },
    ...{ isLocked: false, isProtected: false, ipv4: '192.0.2.7', ipv6: '2001:db8::/64' },
    privateNetworks: [{ networkId: 4711, ip: '10.0.0.2' }],
    firewalls: [{ id: 38, status: 'applied' }],
    ...{ imageId: 67_794_396, placementGroupId: null },
  });
});

test('a server may have no address at all, and half an attachment', async () => {
  const privateNet = [{}, { network: 4711 }];
  const publicNet = { ipv4: null, ipv6: null };
  const json = { server: serverJson(7, { public_net: publicNet, private_net: privateNet }) };
  const { client } = await startTestProject([
    { request: 'GET /servers/7', reply: { status: 200, json } },
  ]);
  expect(await client.servers.get(7)).toMatchObject({
    ...{ ipv4: null, ipv6: null, firewalls: [] },
    privateNetworks: [{ networkId: 4711, ip: null }],
  });
});

test('what the API does not know is not found, and other failures are failures', async () => {
  const notFound = { status: 404, json: errorJson('not_found') };
  const { client } = await startTestProject([
    { request: 'GET /servers/7', reply: notFound },
    { request: 'GET /servers/7', reply: { status: 403, json: errorJson('forbidden') } },
    { request: 'GET /servers/7', reply: notFound },
    {
      request: 'GET /servers?name=w&page=1&per_page=50',
      reply: { status: 200, json: page('servers', [], { total_entries: 0 }) },
    },
  ]);
  expect(await client.servers.find(7)).toBeUndefined();
  await expect(client.servers.find(7)).rejects.toThrow('forbidden');
  await expect(client.servers.get(7)).rejects.toThrow('not_found');
  expect(await client.servers.findByName('w')).toBeUndefined();
});

const REQUEST: ServerRequest = {
  ...{ name: 'worker-7', serverType: 'cx23', location: 'nbg1', image: 67_794_396 },
  ...{ sshKeys: [5], firewalls: [38], networks: [4711], userData: '#cloud-config\n' },
  labels: { pool: 'grid' },
};

const CREATED: ScriptedReply = {
  status: 201,
  json: {
    server: serverJson(7),
    action: actionJson(1),
    next_actions: [actionJson(2, { command: 'start_server' })],
    root_password: 'never-kept',
  },
};

const create = (reply: ScriptedReply): ScriptedExchange => ({ request: 'POST /servers', reply });
const TAKEN = { status: 409, json: errorJson('uniqueness_error', 'server name is already used') };
const byName = (...servers: unknown[]): ScriptedExchange => ({
  request: 'GET /servers?name=worker-7&page=1&per_page=50',
  reply: { status: 200, json: page('servers', servers) },
});
const RUNNING: ScriptedExchange = {
  request: 'GET /servers/7/actions?status=running&page=1&per_page=50',
  reply: { status: 200, json: page('actions', [actionJson(2)]) },
};

describe('creating a server', () => {
  test('sends what was asked for, and answers with everything to wait for', async () => {
    const { client } = await startTestProject([
      {
        ...create(CREATED),
        json: {
          ...{ name: 'worker-7', server_type: 'cx23', location: 'nbg1', image: 67_794_396 },
          ...{ ssh_keys: [5], firewalls: [{ firewall: 38 }], networks: [4711] },
          ...{ user_data: '#cloud-config\n', labels: { pool: 'grid' } },
          public_net: { enable_ipv4: true, enable_ipv6: true },
          start_after_create: true,
        },
      },
    ]);
    const result = await client.servers.create(REQUEST);
    expect(result).toMatchObject({
      ...{ kind: 'created', server: { id: 7 } },
      actions: [{ id: 1 }, { id: 2, command: 'start_server' }],
    });
    expect(JSON.stringify(result)).not.toContain('never-kept');
  });

  test('whose reply was lost ends with the server that it made', async () => {
    const { client, delaysMs } = await startTestProject([
      create({ status: 504, json: errorJson('timeout') }),
      create(TAKEN),
      byName(serverJson(7)),
      RUNNING,
    ]);
    expect(await client.servers.create(REQUEST)).toMatchObject({
      ...{ kind: 'adopted', server: { id: 7 }, actions: [{ id: 2 }] },
    });
    expect(delaysMs).toEqual([1000]);
  });

  test('whose connection was lost is left to the caller, with the doubt', async () => {
    const { client } = await startTestProject([create('lost')]);
    await expect(client.servers.create(REQUEST)).rejects.toMatchObject({
      ...{ name: 'HetznerConnectionError', reason: 'lost', mayHaveActed: true },
    });
  });

  test('that must not be repeated blindly is not', async () => {
    const { client, delaysMs } = await startTestProject([create({ status: 502 })]);
    const attempt = client.servers.create(REQUEST, { isRepeatable: false });
    await expect(attempt).rejects.toMatchObject({ status: 502, mayHaveActed: true });
    expect(delaysMs).toEqual([]);
  });

  test.each([
    ['the server of somebody else', REQUEST, [serverJson(7, { labels: { pool: 'web' } })]],
    ['a server, and nothing says whose', { ...REQUEST, labels: {} }, [serverJson(7)]],
    ['a server that is gone by now', REQUEST, []],
  ])('does not adopt %s', async (_name, request, servers) => {
    const { client } = await startTestProject([create(TAKEN), byName(...servers)]);
    expect(await client.servers.create(request)).toMatchObject({
      ...{ kind: 'refused', reason: 'name_taken' },
    });
  });

  test.each([
    [412, 'resource_unavailable', 'error during placement', undefined, 'sold_out'],
    [422, 'placement_error', 'x', undefined, 'sold_out'],
    [403, 'resource_limit_exceeded', 'server limit exceeded', undefined, 'account_limit'],
    [422, 'invalid_input', 'unsupported location for server type', undefined, 'not_offered'],
    [422, 'invalid_input', 'x', { fields: [{ name: 'server_type' }] }, 'not_offered'],
    [422, 'invalid_server_type', 'x', undefined, 'not_offered'],
  ])('is refused with %i %s: %s', async (status, code, message, details, reason) => {
    const json = errorJson(code, message, details);
    const { client } = await startTestProject([create({ status, json })]);
    expect(await client.servers.create(REQUEST)).toMatchObject({
      ...{ kind: 'refused', reason, error: { code } },
    });
  });

  test.each([
    [401, 'unauthorized', 'x'],
    [422, 'invalid_input', "invalid input in field 'user_data'"],
    [503, 'unavailable', 'x'],
  ])('fails with %i %s, which no other choice would heal', async (status, code, message) => {
    const json = errorJson(code, message);
    const { client } = await startTestProject([create({ status, json })]);
    const error: unknown = await client.servers.create(REQUEST).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code });
  });

  test('that is refused after a try in doubt adopts what that try made', async () => {
    const soldOut = { status: 412, json: errorJson('resource_unavailable') };
    const script = [create({ status: 502 }), create(soldOut), byName(serverJson(7)), RUNNING];
    const { client } = await startTestProject(script);
    expect(await client.servers.create(REQUEST)).toMatchObject({ kind: 'adopted' });
  });

  test('that is refused after a try in doubt says nothing for sure if nothing is found', async () => {
    const soldOut = { status: 412, json: errorJson('resource_unavailable') };
    const script = [create({ status: 502 }), create(soldOut), byName()];
    const { client } = await startTestProject(script);
    await expect(client.servers.create(REQUEST)).rejects.toMatchObject({
      ...{ code: 'resource_unavailable', mayHaveActed: true },
    });
  });
});

describe('deleting a server', () => {
  const remove = (reply: ScriptedReply): ScriptedExchange => ({
    ...{ request: 'DELETE /servers/7', reply },
  });

  test('answers with the action, and with less if there is none', async () => {
    const { client } = await startTestProject([
      remove({ status: 200, json: { action: actionJson(9, { command: 'delete_server' }) } }),
      remove({ status: 200, json: {} }),
    ]);
    expect(await client.servers.delete(7)).toMatchObject({ kind: 'deleting', action: { id: 9 } });
    expect(await client.servers.delete(7)).toEqual({ kind: 'deleting', action: null });
  });

  test('that is gone is done, also if we did it and the reply was lost', async () => {
    const notFound = { status: 404, json: errorJson('not_found') };
    const { client } = await startTestProject([remove('lost'), remove(notFound)]);
    expect(await client.servers.delete(7)).toEqual({ kind: 'gone' });
  });

  test.each([
    [423, 'locked'],
    [423, 'protected'],
  ] as const)('fails with %i %s', async (status, code) => {
    const { client } = await startTestProject([remove({ status, json: errorJson(code) })]);
    const error: unknown = await client.servers.delete(7).catch((caught: unknown) => caught);
    expect(hasCode(error, code)).toBe(true);
  });
});

test('labels are replaced as a whole', async () => {
  const { client } = await startTestProject([
    {
      request: 'PUT /servers/7',
      json: { labels: { state: 'draining' } },
      reply: { status: 200, json: { server: serverJson(7, { labels: { state: 'draining' } }) } },
    },
  ]);
  const server = await client.servers.replaceLabels(7, { state: 'draining' });
  expect(server.labels).toEqual({ state: 'draining' });
});

test.each(['poweron', 'poweroff', 'reboot', 'reset', 'shutdown'] as const)(
  'a server can be told to %s',
  async (change) => {
    const { client } = await startTestProject([
      {
        request: `POST /servers/7/actions/${change}`,
        reply: { status: 201, json: { action: actionJson(3) } },
      },
    ]);
    expect(await client.servers.power(7, change)).toMatchObject({ id: 3, status: 'running' });
  },
);

describe('a snapshot', () => {
  const snapshot = { description: 'a worker', labels: { 'managed-by': 'rgrid' } };
  const request = 'POST /servers/7/actions/create_image';

  test('is an image that is being made', async () => {
    const image = {
      ...{ id: 42, type: 'snapshot', name: null, architecture: 'x86', status: 'creating' },
      ...{ ...snapshot, created: '2026-11-20T10:00:00+00:00', deprecated: null },
    };
    const json = { image, action: actionJson(9, { command: 'create_image' }) };
    const { client } = await startTestProject([
      { request, json: { type: 'snapshot', ...snapshot }, reply: { status: 201, json } },
    ]);
    expect(await client.servers.createImage(7, snapshot)).toMatchObject({
      image: { id: 42, status: 'creating', labels: snapshot.labels },
      action: { id: 9, status: 'running' },
    });
  });

  test('is never made twice for one reply that was lost', async () => {
    const { client } = await startTestProject([{ request, reply: { status: 504 } }]);
    await expect(client.servers.createImage(7, snapshot)).rejects.toMatchObject({
      mayHaveActed: true,
    });
  });
});
