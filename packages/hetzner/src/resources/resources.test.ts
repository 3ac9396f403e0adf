import { expect, test } from 'vitest';
import type { ScriptedExchange } from '@nexus/testkit';

import { errorJson, page, startTestProject } from '../testing/test-project.ts';

const created = '2026-11-20T10:00:00+00:00';

const get = (request: string, json: unknown): ScriptedExchange => ({
  request: `GET ${request}`,
  reply: { status: 200, json },
});
const GONE = { status: 404, json: errorJson('not_found') };

test('SSH keys are listed, found, made and deleted', async () => {
  const fingerprint = 'b7:2f:30';
  const key = {
    id: 5,
    name: 'nexus',
    fingerprint,
    labels: {},
    created,
    public_key: 'ssh-ed25519 A',
  };
  const { client } = await startTestProject([
    get(
      '/ssh_keys?sort=id%3Aasc&label_selector=pool%3Dgrid&page=1&per_page=50',
      page('ssh_keys', [key]),
    ),
    get('/ssh_keys?name=nexus&page=1&per_page=50', page('ssh_keys', [key])),
    { request: 'DELETE /ssh_keys/5', reply: { status: 204 } },
    { request: 'DELETE /ssh_keys/5', reply: GONE },
  ]);
  const expected = { id: 5, name: 'nexus', fingerprint, labels: {}, publicKey: 'ssh-ed25519 A' };
  expect(await client.sshKeys.list({ labels: { pool: 'grid' } })).toEqual([expected]);
  expect(await client.sshKeys.findByName('nexus')).toEqual(expected);
  expect([await client.sshKeys.delete(5), await client.sshKeys.delete(5)]).toEqual([
    ...['deleted', 'gone'],
  ]);
});

test('locations and server types are found by name', async () => {
  const location = {
    ...{ id: 2, name: 'nbg1', description: 'Nuremberg', country: 'DE', city: 'Nuremberg' },
    ...{ network_zone: 'eu-central', latitude: 49.4 },
  };
  const { client } = await startTestProject([
    get('/locations?page=1&per_page=50', page('locations', [location])),
    get('/locations?name=x&page=1&per_page=50', page('locations', [])),
    get('/server_types?name=cx22&page=1&per_page=50', page('server_types', [])),
  ]);
  expect(await client.locations.list()).toMatchObject([{ networkZone: 'eu-central' }]);
  expect(await client.locations.findByName('x')).toBeUndefined();
  expect(await client.serverTypes.findByName('cx22')).toBeUndefined();
});

test('an image is found by name and architecture, a snapshot by its labels', async () => {
  const image = {
    ...{ id: 1, type: 'system', name: 'debian-13', description: 'Debian 13', created },
    ...{ architecture: 'arm', status: 'available', deprecated: null, labels: {} },
  };
  const snapshot = {
    ...{ ...image, id: 2, type: 'snapshot', name: null, deprecated: created },
    labels: { pool: 'grid' },
  };
  const { client } = await startTestProject([
    get('/images?name=debian-13&architecture=arm&page=1&per_page=50', page('images', [image])),
    get(
      '/images?sort=id%3Aasc&type=snapshot&architecture=arm&label_selector=pool%3Dgrid&page=1&per_page=50',
      page('images', [snapshot]),
    ),
    get('/images/2', { image: { ...snapshot, type: 'of_tomorrow' } }),
  ]);
  expect(await client.images.findByName({ name: 'debian-13', architecture: 'arm' })).toMatchObject({
    ...{ id: 1, createdAt: new Date(created), isDeprecated: false },
  });
  const filter = { type: 'snapshot', architecture: 'arm', labels: { pool: 'grid' } } as const;
  expect(await client.images.list(filter)).toMatchObject([{ id: 2, isDeprecated: true }]);
  expect(await client.images.get(2)).toMatchObject({ type: 'unknown', name: null });
});

test('a network is made with its subnets, read and deleted', async () => {
  const network = {
    ...{ id: 4711, name: 'grid', ip_range: '10.0.0.0/16', servers: [7], labels: {}, created },
    subnets: [
      { type: 'cloud', ip_range: '10.0.1.0/24', network_zone: 'eu-central', gateway: '10.0.0.1' },
    ],
    ...{ routes: [], protection: { delete: false } },
  };
  const { client } = await startTestProject([
    {
      request: 'POST /networks',
      json: {
        ...{ name: 'grid', ip_range: '10.0.0.0/16', labels: {} },
        subnets: [{ type: 'cloud', ip_range: '10.0.1.0/24', network_zone: 'eu-central' }],
      },
      reply: { status: 201, json: { network } },
    },
    get('/networks/4711', { network }),
    get('/networks?name=grid&page=1&per_page=50', page('networks', [network])),
    get('/networks?sort=id%3Aasc&page=1&per_page=50', page('networks', [network])),
    { request: 'DELETE /networks/4711', reply: { status: 204 } },
  ]);
  const subnets = [{ ipRange: '10.0.1.0/24', networkZone: 'eu-central' }];
  const expected = {
    ...{ id: 4711, name: 'grid', ipRange: '10.0.0.0/16', subnets, serverIds: [7], labels: {} },
  };
  const request = { name: 'grid', ipRange: '10.0.0.0/16', subnets };
  expect(await client.networks.create(request)).toEqual(expected);
  expect(await client.networks.get(4711)).toEqual(expected);
  expect(await client.networks.findByName('grid')).toEqual(expected);
  expect(await client.networks.list()).toEqual([expected]);
  expect(await client.networks.delete(4711)).toBe('deleted');
});

test('a placement group is made, found and deleted', async () => {
  const group = { id: 9, name: 'grid', type: 'spread', servers: [7], labels: { a: 'b' }, created };
  const { client } = await startTestProject([
    {
      request: 'POST /placement_groups',
      json: { name: 'grid', type: 'spread', labels: { a: 'b' } },
      reply: { status: 201, json: { placement_group: group, action: null } },
    },
    get('/placement_groups?name=grid&page=1&per_page=50', page('placement_groups', [group])),
    get('/placement_groups?sort=id%3Aasc&page=1&per_page=50', page('placement_groups', [group])),
    { request: 'DELETE /placement_groups/9', reply: GONE },
  ]);
  const expected = { id: 9, name: 'grid', serverIds: [7], labels: { a: 'b' } };
  expect(await client.placementGroups.create({ name: 'grid', labels: { a: 'b' } })).toEqual(
    expected,
  );
  expect(await client.placementGroups.findByName('grid')).toEqual(expected);
  expect(await client.placementGroups.list()).toEqual([expected]);
  expect(await client.placementGroups.delete(9)).toBe('gone');
});

test('a primary IP is listed, whether it belongs to a server or to nothing, and deleted', async () => {
  const ip = {
    ...{ id: 3, name: 'primary_ip-3', type: 'ipv4', ip: '192.0.2.7', labels: {}, created },
    ...{ location: { id: 1, name: 'fsn1' }, assignee_type: 'server', assignee_id: 7 },
    ...{ auto_delete: true, protection: { delete: false } },
  };
  const unassigned = { ...ip, id: 4, assignee_type: 'unassigned', assignee_id: null };
  const { client } = await startTestProject([
    get('/primary_ips?sort=id%3Aasc&page=1&per_page=50', page('primary_ips', [ip, unassigned])),
    { request: 'DELETE /primary_ips/4', reply: { status: 204 } },
    { request: 'DELETE /primary_ips/4', reply: GONE },
  ]);
  expect(await client.primaryIps.list()).toMatchObject([
    { id: 3, serverId: 7, location: 'fsn1', createdAt: new Date(created), isProtected: false },
    { id: 4, serverId: null },
  ]);
  expect([await client.primaryIps.delete(4), await client.primaryIps.delete(4)]).toEqual([
    ...['deleted', 'gone'],
  ]);
});

test('a snapshot has a size once it is made, and is deleted', async () => {
  const snapshot = {
    ...{ id: 2, type: 'snapshot', name: null, description: 'worker', created, labels: {} },
    ...{ architecture: 'x86', status: 'available', deprecated: null, image_size: 2.3 },
    protection: { delete: true },
  };
  const { client } = await startTestProject([
    get('/images/2', { image: snapshot }),
    get('/images/2', { image: { ...snapshot, image_size: null } }),
    { request: 'DELETE /images/2', reply: { status: 204 } },
  ]);
  expect(await client.images.get(2)).toMatchObject({ sizeBytes: 2.3e9, isProtected: true });
  expect(await client.images.get(2)).toMatchObject({ sizeBytes: null });
  expect(await client.images.delete(2)).toBe('deleted');
});
