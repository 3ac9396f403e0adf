import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { ServerBooks } from '@nexus/autoscaler/books';
import { createHetznerClient, type HetznerClient } from '@nexus/hetzner';
import { Secret } from '@nexus/kit/config';
import { createManualClock, type HetznerSimulator } from '@nexus/simulators/hetzner';
import { createCheckedHetzner, PUBLIC_KEYS } from '@nexus/simulators/testing';
import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

import { collectGarbage, exitCodeOf, type GcSettings } from './collect-garbage.ts';
import { readBooks } from './read-books.ts';
import type { Judged } from './report.ts';

const MINUTE_MS = 60_000;
const OURS = { 'managed-by': 'rgrid', 'rgrid-grid': 'grid' };
const OTHER_GRID = { ...OURS, 'rgrid-grid': 'staging' };
const SETTINGS: GcSettings = { gridName: 'grid', imageId: null, keyFingerprint: null };

let own: TestDatabase;

beforeAll(async () => {
  own = await createTestDatabase();
});
beforeEach(async () => {
  for (const table of ['batches', 'workers', 'servers', 'api_keys', 'accounts'])
    await own.database.query(`delete from ${table}`);
  await own.database.query('update scaling set planned_at = null');
});
afterAll(() => own.drop());

interface TestCloud {
  cloud: HetznerSimulator;
  client: HetznerClient;
  pass(minutes: number): void;
  addServer: (name: string, labels?: Record<string, string>) => Promise<number>;
  /** Any route, for what the client has no need of. */
  // oxlint-disable-next-line typescript/no-explicit-any
  post(path: string, body: unknown): Promise<any>;
  collect(options?: {
    settings?: Partial<GcSettings>;
    mayDelete?: boolean;
    hasBooks?: boolean;
  }): Promise<Judged[]>;
}

function startCloud(): TestCloud {
  const clock = createManualClock(Date.UTC(2026, 10, 20, 10));
  const cloud = createCheckedHetzner({ clock });
  const now = () => new Date(clock.now());
  const sleep = async (delayMs: number) => clock.advance(delayMs);
  const client = createHetznerClient({
    ...{ endpoint: cloud.url, fetch: cloud.fetch, token: new Secret(cloud.token), now, sleep },
  });
  onTestFinished(() => cloud.close());
  return {
    ...{ cloud, client },
    pass: (minutes) => clock.advance(minutes * MINUTE_MS),
    addServer: async (name, labels = OURS) => {
      const result = await client.servers.create({
        ...{ name, labels, serverType: 'cx23', location: 'fsn1', image: 'debian-13' },
        ...{ sshKeys: [], firewalls: [], networks: [], userData: '' },
      });
      if (result.kind !== 'created') throw new Error(`no server: ${result.kind}`);
      await client.actions.wait(result.actions);
      return result.server.id;
    },
    post: async (path, body) => {
      const headers = { authorization: `Bearer ${cloud.token}` };
      const init = { method: 'POST', headers, body: JSON.stringify(body) };
      const reply = await cloud.fetch(`${cloud.url}${path}`, init);
      if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${await reply.text()}`);
      return reply.json();
    },
    collect: async ({ settings, mayDelete = true, hasBooks = true } = {}) => {
      const seen = await readBooks(own.database);
      const books = hasBooks ? { seen, writer: new ServerBooks(own.database) } : null;
      return collectGarbage(
        { client, books, now, mayDelete: () => Promise.resolve(mayDelete) },
        { ...SETTINGS, ...settings },
      );
    },
  };
}

async function book(name: string, state: string, columns: { cloudId: number; tries?: number }) {
  await own.database.query(
    `insert into servers (id, name, state, server_type, location, architecture, cpus, memory_bytes, slots,
       price_micros_per_hour, ipv4_micros_per_hour, join_secret_hash, join_until, reason, cloud_id, created_at,
       delete_tries, delete_tried_at)
     values ($1, $1, $2, 'cx23', 'fsn1', 'x86', 2, 4e9, 2, 8800, 800, '\\x00', now(), 'test', $3,
       '2026-11-20T10:00:00Z', $4, '2026-11-20T10:00:00Z')`,
    [name, state, columns.cloudId, columns.tries ?? 0],
  );
}

async function lease(serverName: string): Promise<void> {
  for (const statement of [
    "insert into accounts (id, name) values ('acc', 'acc')",
    "insert into api_keys (id, account_id, name, secret_hash) values ('key', 'acc', 'k', '\\x00')",
    `insert into batches (id, account_id, key_id, spec, project_sha256, masked, metadata, retries, priority,
       parallel, cpus, memory_bytes, requires)
     values ('b', 'acc', 'key', '{}', '', '{}', '{}', 0, 0, 10, 1, 1, '{}')`,
    `insert into workers (id, name, secret_hash, state, slots, cpus, memory_bytes, drivers, runtimes, server_id)
     values ('w', 'w', '\\x00', 'active', 2, 2, 4e9, '{process}', '{}', '${serverName}')`,
    `insert into executions (id, batch_id, account_id, index, label, args, identity, state, worker_id, version)
     values ('b-0', 'b', 'acc', 0, 'x', '[]', 'i', 'running', 'w', 1)`,
  ])
    await own.database.query(statement);
}

const daemonIsAlive = (at = '2026-11-20T23:59:00Z') =>
  own.database.query('update scaling set planned_at = $1', [at]);

const told = (judged: readonly Judged[]) =>
  judged.map(({ name, code, outcome }) => `${name} ${code} ${outcome}`).toSorted();

const livingNames = ({ cloud }: TestCloud) =>
  cloud.account
    .servers()
    .map(({ name }) => name)
    .toSorted();

describe('servers', () => {
  test('that nobody needs go, whatever brought them about; all others stay', async () => {
    const given = startCloud();
    const { client, addServer } = given;
    await daemonIsAlive();
    await book('busy', 'active', { cloudId: await addServer('busy') });
    await book('idle', 'active', { cloudId: await addServer('idle') });
    await lease('busy');
    await addServer('unknown');
    await book('gone', 'gone', { cloudId: await addServer('gone') });
    await book('stuck', 'deleting', { cloudId: await addServer('stuck'), tries: 5 });
    const off = await addServer('off');
    await book('off', 'active', { cloudId: off });
    await client.actions.wait([await client.servers.power(off, 'poweroff')]);
    await addServer('image', { 'managed-by': 'rgrid', 'rgrid-role': 'image-build' });
    await addServer('staging', OTHER_GRID);
    await addServer('theirs', {});
    given.pass(61);
    await addServer('young');
    const judged = await given.collect();
    expect(told(judged)).toEqual([
      'gone gone_in_books deleted',
      'image image_build deleted',
      'off powered_off deleted',
      'stuck delete_stuck deleted',
      'unknown not_in_books deleted',
    ]);
    expect(livingNames(given)).toEqual(['busy', 'idle', 'staging', 'theirs', 'young']);
    // 5.49 for the server and 0.50 for its address.
    expect(judged.map(({ microsPerMonth }) => microsPerMonth)).toEqual(judged.map(() => 5_990_000));
    expect(exitCodeOf(judged)).toBe(0);
    expect(await given.collect()).toEqual([]);
  });

  test('are named and left where nothing may be deleted', async () => {
    const given = startCloud();
    await given.addServer('unknown');
    given.pass(16);
    const judged = await given.collect({ mayDelete: false });
    expect(told(judged)).toEqual(['unknown not_in_books left']);
    expect(exitCodeOf(judged)).toBe(2);
    expect(livingNames(given)).toEqual(['unknown']);
  });

  test('that stand idle go when no daemon is there to give them back, and the books hear of it', async () => {
    const given = startCloud();
    await daemonIsAlive('2026-11-20T10:00:00Z');
    await book('busy', 'active', { cloudId: await given.addServer('busy') });
    await book('idle', 'draining', { cloudId: await given.addServer('idle') });
    await lease('busy');
    given.pass(20);
    expect(told(await given.collect())).toEqual(['idle no_daemon deleted']);
    const states = await own.database.query<{ name: string; state: string; deleted: boolean }>(
      'select name, state, deleted_at is not null as deleted from servers order by name',
    );
    expect(states).toEqual([
      { name: 'busy', state: 'active', deleted: false },
      { name: 'idle', state: 'gone', deleted: true },
    ]);
  });

  test('that something is leased to are not deleted, even powered off', async () => {
    const given = startCloud();
    const id = await given.addServer('off');
    await book('off', 'active', { cloudId: id });
    await lease('off');
    await given.client.actions.wait([await given.client.servers.power(id, 'poweroff')]);
    given.pass(20);
    const judged = await given.collect();
    expect(judged).toMatchObject([{ outcome: 'failed', problem: 'executions are leased to it' }]);
    expect(exitCodeOf(judged)).toBe(3);
  });

  test('are not condemned without the books, unless they are off', async () => {
    const given = startCloud();
    await given.addServer('runs');
    const off = await given.addServer('off');
    await given.client.actions.wait([await given.client.servers.power(off, 'poweroff')]);
    given.pass(20);
    const judged = await given.collect({ hasBooks: false });
    expect(told(judged)).toEqual(['off powered_off deleted', 'runs books_unread left']);
    expect(exitCodeOf(judged)).toBe(0);
    expect(livingNames(given)).toEqual(['runs']);
  });

  test('that cannot be deleted keep nothing else', async () => {
    const given = startCloud();
    await given.addServer('first');
    await given.addServer('second');
    given.pass(20);
    given.cloud.faults.order({ fault: { kind: 'delete_stays', reason: 'protected' }, times: 1 });
    const judged = await given.collect();
    expect(told(judged)).toEqual(['first not_in_books failed', 'second not_in_books deleted']);
    expect(exitCodeOf(judged)).toBe(3);
    expect(judged.find(({ name }) => name === 'first')?.problem).toMatch(/protected/);
  });

  test('are gone for good, though most replies are lost', async () => {
    const given = startCloud();
    for (const name of ['a', 'b', 'c']) await given.addServer(name);
    given.pass(20);
    const fault = { kind: 'reply_lost', isActedOn: true } as const;
    given.cloud.faults.order({ fault, method: 'DELETE', times: 5, probability: 0.7 });
    await given.collect();
    given.cloud.faults.clear();
    expect(livingNames(given)).toEqual([]);
    expect(await given.collect()).toEqual([]);
  });
});

describe('beside servers', () => {
  test('addresses of ours that belong to nothing go; others that bill are told', async () => {
    const given = startCloud();
    await given.addServer('theirs', {});
    for (const [name, type, labels] of [
      ['ours', 'ipv4', OURS],
      ['ours-6', 'ipv6', OURS],
      ['staging', 'ipv4', OTHER_GRID],
      ['somebody', 'ipv4', {}],
      ['somebody-6', 'ipv6', {}],
    ] as const)
      await given.post('/primary_ips', { name, type, labels, location: 'fsn1' });
    given.pass(20);
    await given.post('/primary_ips', {
      ...{ name: 'young', type: 'ipv4', labels: OURS, location: 'fsn1' },
    });
    const judged = await given.collect();
    expect(
      judged.map(({ name, code, outcome, microsPerMonth }) => ({
        ...{ name: name.split(' ')[0], code, outcome, microsPerMonth },
      })),
    ).toEqual([
      { name: 'ours', code: 'unassigned', outcome: 'deleted', microsPerMonth: 500_000 },
      { name: 'somebody', code: 'not_ours', outcome: 'left', microsPerMonth: 500_000 },
      { name: 'ours-6', code: 'unassigned', outcome: 'deleted', microsPerMonth: 0 },
    ]);
    expect(exitCodeOf(judged)).toBe(0);
    const left = (await given.client.primaryIps.list()).filter(({ serverId }) => serverId === null);
    expect(left.map(({ name }) => name)).toEqual(['staging', 'somebody', 'somebody-6', 'young']);
  });

  test('snapshots go when another is in use, at what they cost by size', async () => {
    const given = startCloud();
    const id = await given.addServer('theirs', {});
    const snap = async (description: string, labels: Record<string, string>) => {
      const { image, action } = await given.client.servers.createImage(id, { description, labels });
      await given.client.actions.wait([action]);
      return image.id;
    };
    await snap('old', OURS);
    const inUse = await snap('new', OURS);
    await snap('staging', OTHER_GRID);
    given.pass(61);
    expect(await given.collect()).toEqual([]);
    const judged = await given.collect({ settings: { imageId: inUse } });
    expect(judged).toMatchObject([{ name: 'old', outcome: 'deleted', microsPerMonth: 25_300 }]);
    const left = await given.client.images.list({ type: 'snapshot' });
    expect(left.map(({ description }) => description)).toEqual(['new', 'staging']);
  });

  test('what only lies around goes, what is in use and what others made stays', async () => {
    const given = startCloud();
    const { client } = given;
    const [publicKey, another] = PUBLIC_KEYS;
    const mine = await client.sshKeys.create({ name: 'key', publicKey, labels: OURS });
    await client.sshKeys.create({ name: 'old-key', publicKey: another, labels: OURS });
    for (const [name, labels] of [
      ['rgrid-grid', OURS],
      ['left', OURS],
      ['staging', OTHER_GRID],
      ['theirs', {}],
    ] as const) {
      await client.firewalls.create({ name, labels, rules: [] });
      await client.placementGroups.create({ name: `group-${name}`, labels });
    }
    expect(told(await given.collect({ mayDelete: false }))).toHaveLength(3);
    const judged = await given.collect({ settings: { keyFingerprint: mine.fingerprint } });
    expect(told(judged)).toEqual([
      'group-left unused deleted',
      'group-rgrid-grid unused deleted',
      'left unused deleted',
      'old-key unused deleted',
    ]);
    const names = (things: readonly { name: string }[]) => things.map(({ name }) => name);
    expect(names(await client.firewalls.list())).toEqual(['rgrid-grid', 'staging', 'theirs']);
    expect(names(await client.placementGroups.list())).toEqual(['group-staging', 'group-theirs']);
    expect(names(await client.sshKeys.list())).toEqual(['key']);
  });
});
