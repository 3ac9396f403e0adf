import { expect, test } from 'vitest';
import type { ScriptedExchange, ScriptedReply } from '@nexus/testkit';

import { actionJson, errorJson, page, startTestProject } from '../testing/test-project.ts';
import { ensureFirewall, workerRules } from './index.ts';

const WIRE_RULE = {
  ...{ direction: 'in', protocol: 'tcp', port: '22', description: 'SSH for the operator' },
  ...{ source_ips: ['192.0.2.7/32'], destination_ips: [] },
};
const WANTED = {
  name: 'workers',
  labels: { pool: 'grid' },
  rules: workerRules(['192.0.2.7']),
};

const firewallJson = (rules: readonly unknown[]) => ({
  ...{ id: 38, name: 'workers', labels: {}, rules, created: '2026-11-20T10:00:00Z' },
  applied_to: [
    { type: 'server', server: { id: 7 } },
    {
      type: 'label_selector',
      label_selector: { selector: 'pool=grid' },
      applied_to_resources: [{ type: 'server', server: { id: 8 } }],
    },
  ],
});
const find = (...firewalls: unknown[]): ScriptedExchange => ({
  request: 'GET /firewalls?name=workers&page=1&per_page=50',
  reply: { status: 200, json: page('firewalls', firewalls) },
});
const create = (reply: ScriptedReply): ScriptedExchange => ({
  request: 'POST /firewalls',
  json: { name: 'workers', labels: { pool: 'grid' }, rules: [WIRE_RULE], apply_to: [] },
  reply,
});

test('a firewall that is not there is made', async () => {
  const made = { status: 201, json: { firewall: firewallJson([WIRE_RULE]), actions: [] } };
  const { client } = await startTestProject([find(), create(made)]);
  expect(await ensureFirewall(client, WANTED)).toEqual({ id: 38, diff: null, actions: [] });
});

test('a firewall that is as it should be is left alone', async () => {
  const { client } = await startTestProject([find(firewallJson([WIRE_RULE]))]);
  expect(await ensureFirewall(client, WANTED)).toMatchObject({
    ...{ id: 38, diff: { isSame: true }, actions: [] },
  });
});

test('a firewall with other rules gets the right ones', async () => {
  const open = { ...WIRE_RULE, source_ips: ['0.0.0.0/0'] };
  const { client } = await startTestProject([
    find(firewallJson([open])),
    {
      request: 'POST /firewalls/38/actions/set_rules',
      json: { rules: [WIRE_RULE] },
      reply: { status: 201, json: { actions: [actionJson(1, { command: 'set_firewall_rules' })] } },
    },
  ]);
  expect(await ensureFirewall(client, WANTED)).toMatchObject({
    ...{ id: 38, diff: { isSame: false }, actions: [{ id: 1 }] },
  });
});

test('a firewall whose creation was lost is found', async () => {
  const taken = { status: 409, json: errorJson('uniqueness_error') };
  const script = [find(), create({ status: 502 }), create(taken), find(firewallJson([WIRE_RULE]))];
  const { client } = await startTestProject(script);
  expect(await ensureFirewall(client, WANTED)).toMatchObject({ id: 38, diff: { isSame: true } });
});

test('rules that cannot be are refused before anything is sent', async () => {
  const { client } = await startTestProject([]);
  const rules = workerRules(['10.0.0.7/8']);
  await expect(client.firewalls.create({ name: 'x', rules })).rejects.toThrow('10.0.0.7/8');
  await expect(client.firewalls.setRules(38, rules)).rejects.toThrow('10.0.0.7/8');
});

test('firewalls are read, applied, removed and deleted', async () => {
  const actions = { status: 201, json: { actions: [actionJson(1)] } };
  const targets = [
    { type: 'server', server: { id: 7 } },
    { type: 'label_selector', label_selector: { selector: 'pool=grid' } },
  ];
  const icmp = { direction: 'out', protocol: 'icmp', port: null, destination_ips: ['::/0'] };
  const { client } = await startTestProject([
    {
      request: 'GET /firewalls/38',
      reply: { status: 200, json: { firewall: firewallJson([icmp]) } },
    },
    {
      request: 'POST /firewalls/38/actions/apply_to_resources',
      json: { apply_to: targets },
      reply: actions,
    },
    {
      request: 'POST /firewalls/38/actions/remove_from_resources',
      json: { remove_from: targets.slice(0, 1) },
      reply: actions,
    },
    {
      request: 'DELETE /firewalls/38',
      reply: { status: 422, json: errorJson('resource_in_use') },
    },
    { request: 'DELETE /firewalls/38', reply: { status: 404, json: errorJson('not_found') } },
    {
      request: 'GET /firewalls?sort=id%3Aasc&label_selector=pool%3Dgrid&page=1&per_page=50',
      reply: { status: 200, json: page('firewalls', [firewallJson([])]) },
    },
  ]);
  expect(await client.firewalls.get(38)).toEqual({
    ...{ id: 38, name: 'workers', labels: {} },
    rules: [{ direction: 'out', protocol: 'icmp', port: null, cidrs: ['::/0'], description: null }],
    appliedTo: [{ serverId: 7 }, { labelSelector: 'pool=grid' }],
  });
  await client.firewalls.apply(38, [{ serverId: 7 }, { labels: { pool: 'grid' } }]);
  await client.firewalls.remove(38, [{ serverId: 7 }]);
  await expect(client.firewalls.delete(38)).rejects.toThrow('resource_in_use');
  expect(await client.firewalls.delete(38)).toBe('gone');
  expect(await client.firewalls.list({ labels: { pool: 'grid' } })).toHaveLength(1);
});
