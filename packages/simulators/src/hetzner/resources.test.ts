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

const SSH_RULE = {
  direction: 'in',
  protocol: 'tcp',
  port: '22',
  source_ips: ['192.0.2.0/24', '2001:0DB8:0:0::/32'],
};

describe('firewalls', () => {
  test('ranges are kept in their canonical form', async () => {
    const { status, body } = await api('POST', '/firewalls', { name: 'f', rules: [SSH_RULE] });
    expect(status).toBe(201);
    expect(body.firewall.rules).toEqual([
      {
        ...SSH_RULE,
        description: null,
        source_ips: ['192.0.2.0/24', '2001:db8::/32'],
        destination_ips: [],
      },
    ]);
  });

  test.each([
    [{ ...SSH_RULE, source_ips: ['192.0.2.1/24'] }],
    [{ ...SSH_RULE, source_ips: [] }],
    [{ ...SSH_RULE, source_ips: Array.from({ length: 101 }, () => '0.0.0.0/0') }],
    [{ ...SSH_RULE, destination_ips: ['0.0.0.0/0'] }],
    [{ ...SSH_RULE, direction: 'out' }],
    [{ ...SSH_RULE, port: undefined }],
    [{ ...SSH_RULE, port: '0' }],
    [{ ...SSH_RULE, port: '90-80' }],
    [{ ...SSH_RULE, port: '80-65536' }],
    [{ ...SSH_RULE, protocol: 'icmp' }],
    [{ ...SSH_RULE, protocol: 'sctp' }],
    [{ ...SSH_RULE, description: 'x'.repeat(256) }],
  ])('the rule %j is refused', async (rule) => {
    const { status, body } = await api('POST', '/firewalls', { name: 'f', rules: [rule] });
    expect([status, body.error.code]).toEqual([422, 'invalid_input']);
  });

  test('fifty rules are the most, any port is one, and set_rules replaces all', async () => {
    const rules = Array.from({ length: 50 }, () => ({ ...SSH_RULE, port: 'any' }));
    const { body } = await api('POST', '/firewalls', { name: 'f', rules });
    const path = `/firewalls/${body.firewall.id}`;
    const tooMany = await api('POST', `${path}/actions/set_rules`, { rules: [...rules, SSH_RULE] });
    expect(tooMany.status).toBe(422);
    const emptied = await api('POST', `${path}/actions/set_rules`, { rules: [] });
    expect(emptied.body.actions).toMatchObject([{ command: 'set_firewall_rules' }]);
    expect((await api('GET', path)).body.firewall.rules).toEqual([]);
  });

  test('one given at creation is applied with it, and in use until it is removed', async () => {
    const { body } = await api('POST', '/firewalls', { name: 'f' });
    const firewall = body.firewall.id;
    const made = await api('POST', '/servers', { ...SERVER, firewalls: [{ firewall }] });
    const { id } = made.body.server;
    expect(made.body.server.public_net.firewalls).toEqual([{ id: firewall, status: 'pending' }]);
    clock.advance(60_000);
    expect(await firewallsOf(id)).toEqual([{ id: firewall, status: 'applied' }]);
    const inUse = await api('DELETE', `/firewalls/${firewall}`);
    expect([inUse.status, inUse.body.error.code]).toEqual([422, 'resource_in_use']);
    const target = { type: 'server', server: { id } };
    const again = await api('POST', `/firewalls/${firewall}/actions/apply_to_resources`, {
      apply_to: [target],
    });
    expect(again.body.error.code).toBe('firewall_already_applied');
    const removal = `/firewalls/${firewall}/actions/remove_from_resources`;
    const removed = await api('POST', removal, { remove_from: [target] });
    expect(removed.body.actions).toMatchObject([{ command: 'remove_firewall' }]);
    expect((await api('POST', removal, { remove_from: [target] })).body.actions).toEqual([]);
    expect(await firewallsOf(id)).toEqual([]);
    expect((await api('DELETE', `/firewalls/${firewall}`)).status).toBe(204);
  });

  test('a label selector applies to what matches, now and later, and locks it for a moment', async () => {
    const selector = { type: 'label_selector', label_selector: { selector: 'pool=a' } };
    const { body } = await api('POST', '/firewalls', { name: 'f', apply_to: [selector] });
    const firewall = body.firewall.id;
    const made = await api('POST', '/servers', { ...SERVER, labels: { pool: 'a' } });
    const { id } = made.body.server;
    clock.advance(8500);
    expect(await firewallsOf(id)).toEqual([{ id: firewall, status: 'pending' }]);
    clock.advance(60_000);
    const shown = await api('GET', `/firewalls/${firewall}`);
    expect(shown.body.firewall.applied_to).toEqual([
      { ...selector, applied_to_resources: [{ type: 'server', server: { id } }] },
    ]);
    const byHand = await api('POST', `/firewalls/${firewall}/actions/remove_from_resources`, {
      remove_from: [{ type: 'server', server: { id } }],
    });
    expect(byHand.body.error.code).toBe('firewall_managed_by_label_selector');
    await api('PUT', `/servers/${id}`, { labels: {} });
    expect(await firewallsOf(id)).toEqual([]);
    expect((await api('DELETE', `/servers/${id}`)).body.error.code).toBe('locked');
  });

  test('what it is to be applied to has to be there', async () => {
    const missing = { type: 'server', server: { id: 1 } };
    const made = await api('POST', '/firewalls', { name: 'f', apply_to: [missing] });
    expect([made.status, made.body.error.code]).toEqual([422, 'firewall_resource_not_found']);
    const { body } = await api('POST', '/firewalls', { name: 'f' });
    const applied = await api('POST', `/firewalls/${body.firewall.id}/actions/apply_to_resources`, {
      apply_to: [missing],
    });
    expect([applied.status, applied.body.error.code]).toEqual([404, 'firewall_resource_not_found']);
    expect((await api('POST', '/firewalls', { name: 'f' })).status).toBe(409);
  });

  async function firewallsOf(id: number): Promise<unknown> {
    return (await api('GET', `/servers/${id}`)).body.server.public_net.firewalls;
  }
});

describe('networks', () => {
  const CLOUD = { type: 'cloud', network_zone: 'eu-central' };

  test('servers get the first free addresses of a subnet in their zone', async () => {
    const network = await createNetwork({ subnets: [{ ...CLOUD, ip_range: '10.0.1.0/29' }] });
    const ips: string[] = [];
    for (const name of ['w1', 'w2']) {
      const { body } = await api('POST', '/servers', { ...SERVER, name, networks: [network] });
      expect(body.next_actions).toMatchObject([
        { command: 'attach_to_network' },
        { command: 'start_server' },
      ]);
      clock.advance(60_000);
      const shown = await api('GET', `/servers/${body.server.id}`);
      ips.push(shown.body.server.private_net[0].ip);
    }
    expect(ips).toEqual(['10.0.1.1', '10.0.1.2']);
    const american = { ...SERVER, name: 'w3', server_type: 'cpx11', location: 'ash' };
    const refused = await api('POST', '/servers', { ...american, networks: [network] });
    expect(refused.body.error.code).toBe('invalid_input');
  });

  test('a server can be attached to an address of its own, once, and detached', async () => {
    const network = await createNetwork({ subnets: [CLOUD] });
    const { body } = await api('POST', '/servers', SERVER);
    clock.advance(60_000);
    const act = (action: string, more: object = {}) =>
      api('POST', `/servers/${body.server.id}/actions/${action}`, { network, ...more });
    expect((await act('attach_to_network', { ip: '10.0.9.9' })).body.error.code).toBe(
      'ip_not_available',
    );
    // The first address of the network is its gateway.
    expect((await act('attach_to_network', { ip: '10.0.0.1' })).body.error.code).toBe(
      'ip_not_available',
    );
    expect((await act('attach_to_network', { ip: '10.0.0.9' })).status).toBe(201);
    clock.advance(1000);
    expect((await act('attach_to_network')).body.error.code).toBe('server_already_attached');
    expect((await act('change_alias_ips', { alias_ips: ['10.0.0.10'] })).status).toBe(201);
    clock.advance(1000);
    const shown = await api('GET', `/servers/${body.server.id}`);
    expect(shown.body.server.private_net).toMatchObject([
      { ip: '10.0.0.9', alias_ips: ['10.0.0.10'] },
    ]);
    const subnet = { ip_range: '10.0.0.0/24' };
    const inUse = await api('POST', `/networks/${network}/actions/delete_subnet`, subnet);
    expect(inUse.body.error.code).toBe('service_error');
    await act('detach_from_network');
    clock.advance(1000);
    expect((await api('GET', `/networks/${network}`)).body.network.servers).toEqual([]);
    expect((await api('POST', `/networks/${network}/actions/delete_subnet`, subnet)).status).toBe(
      201,
    );
  });

  test.each([
    [{ ip_range: '11.0.0.0/16' }],
    [{ ip_range: '10.0.0.0/25' }],
    [{ ip_range: '10.0.0.1/16' }],
    [{ subnets: [{ ...CLOUD, ip_range: '10.1.0.0/24' }] }],
    [{ subnets: [{ ...CLOUD, ip_range: '10.0.0.0/31' }] }],
    [{ subnets: [{ ...CLOUD, network_zone: 'moon' }] }],
    [{ subnets: [CLOUD, { ...CLOUD, ip_range: '10.0.0.0/24' }] }],
    [{ routes: [{ destination: '8.8.8.0/24', gateway: '10.0.1.1' }] }],
    [{ routes: [{ destination: '10.100.1.0/24', gateway: '10.0.0.1' }] }],
  ])('a network with %j is refused', async (changes) => {
    const wanted = { name: 'n', ip_range: '10.0.0.0/16', ...changes };
    const { status, body } = await api('POST', '/networks', wanted);
    expect([status, body.error.code]).toEqual([422, 'invalid_input']);
  });

  test('a protected network stays, another goes and leaves its servers', async () => {
    const id = await createNetwork({ subnets: [CLOUD] });
    await api('POST', '/servers', { ...SERVER, networks: [id] });
    await api('POST', `/networks/${id}/actions/change_protection`, { delete: true });
    expect((await api('DELETE', `/networks/${id}`)).body.error.code).toBe('protected');
    await api('POST', `/networks/${id}/actions/change_protection`, { delete: false });
    expect((await api('DELETE', `/networks/${id}`)).status).toBe(204);
    expect((await api('GET', '/servers')).body.servers[0].private_net).toEqual([]);
  });

  async function createNetwork(changes: object): Promise<number> {
    const wanted = { name: 'n', ip_range: '10.0.0.0/16', ...changes };
    return (await api('POST', '/networks', wanted)).body.network.id;
  }
});

describe('SSH keys', () => {
  test('are unique by name and by fingerprint, which is the MD5 of the key', async () => {
    const [first, second] = PUBLIC_KEYS;
    const made = await api('POST', '/ssh_keys', { name: 'a', public_key: first });
    expect(made.status).toBe(201);
    // ssh-keygen -l -E md5 says the same.
    expect(made.body.ssh_key.fingerprint).toBe('0f:a2:0a:d7:38:3e:65:45:08:6b:63:84:1c:ff:dc:ba');
    const copy = await api('POST', '/ssh_keys', { name: 'b', public_key: `${first} elsewhere` });
    expect([copy.status, copy.body.error.details.fields]).toEqual([409, [{ name: 'public_key' }]]);
    const namesake = await api('POST', '/ssh_keys', { name: 'a', public_key: second });
    expect([namesake.status, namesake.body.error.message]).toEqual([409, 'SSH key not unique']);
    const noKey = await api('POST', '/ssh_keys', { name: 'c', public_key: 'ssh-ed25519 AAAA' });
    expect(noKey.body.error.code).toBe('invalid_input');
  });

  test('can be found by fingerprint and deleted', async () => {
    for (const [index, key] of PUBLIC_KEYS.entries()) {
      await api('POST', '/ssh_keys', { name: `k${index}`, public_key: key });
    }
    const all = await api('GET', '/ssh_keys');
    const { fingerprint, id } = all.body.ssh_keys[1];
    const found = await api('GET', `/ssh_keys?fingerprint=${fingerprint}`);
    expect(found.body.ssh_keys).toMatchObject([{ name: 'k1' }]);
    const deleted = await api('DELETE', `/ssh_keys/${id}`);
    expect([deleted.status, deleted.body]).toEqual([204, '']);
  });
});

test('primary IPs say what they belong to, and are deleted only when that is nothing', async () => {
  const made = await api('POST', '/primary_ips', { name: 'p', type: 'ipv4', location: 'fsn1' });
  const ip = made.body.primary_ip;
  expect(ip).toMatchObject({ assignee_type: 'unassigned', assignee_id: null, auto_delete: false });
  const server = await api('POST', '/servers', { ...SERVER, public_net: { ipv4: ip.id } });
  const { id } = server.body.server;
  expect(server.body.server.public_net.ipv4.ip).toBe(ip.ip);
  const early = await api('DELETE', `/primary_ips/${ip.id}`);
  expect(early.body.error.code).toBe('must_be_unassigned');
  const taken = await api('POST', '/servers', {
    ...SERVER,
    name: 'w2',
    public_net: { ipv4: ip.id },
  });
  expect(taken.body.error.code).toBe('primary_ip_assigned');
  clock.advance(60_000);
  const running = await api('POST', `/primary_ips/${ip.id}/actions/unassign`);
  expect(running.body.error.code).toBe('server_not_stopped');
  await api('DELETE', `/servers/${id}`);
  clock.advance(2000);
  const kept = await api('GET', `/primary_ips/${ip.id}`);
  expect(kept.body.primary_ip.assignee_type).toBe('unassigned');
  expect((await api('DELETE', `/primary_ips/${ip.id}`)).status).toBe(204);
});

test('a primary IP can be made for a server that is off and has none of its kind', async () => {
  const wanted = { name: 'p', type: 'ipv4', assignee_type: 'server' };
  const { body } = await api('POST', '/servers', {
    ...SERVER,
    start_after_create: false,
    public_net: { enable_ipv4: false },
  });
  clock.advance(60_000);
  const { id } = body.server;
  const made = await api('POST', '/primary_ips', { ...wanted, assignee_id: id });
  expect(made.body.action).toMatchObject({ command: 'assign_primary_ip' });
  const shown = await api('GET', `/servers/${id}`);
  expect(shown.body.server.public_net.ipv4.ip).toBe(made.body.primary_ip.ip);
  const second = await api('POST', '/primary_ips', { ...wanted, name: 'q', assignee_id: id });
  expect(second.body.error.code).toBe('server_has_ipv4');
});

test('images are found by name and architecture; deprecated ones only if asked for', async () => {
  const arm = await api('GET', '/images?name=ubuntu-24.04&architecture=arm');
  expect(arm.body.images).toMatchObject([{ architecture: 'arm', type: 'system' }]);
  expect((await api('GET', '/images?name=debian-11')).body.images).toEqual([]);
  const old = await api('GET', '/images?name=debian-11&include_deprecated=true');
  expect(old.body.images).toHaveLength(2);
  const { id } = old.body.images[0];
  expect((await api('DELETE', `/images/${id}`)).body.error.code).toBe('forbidden');
});

test('datacenters are gone', async () => {
  const { status, body } = await api('GET', '/datacenters');
  expect([status, body.error.code]).toEqual([410, 'deprecated_api_endpoint']);
  expect(body.error.details.announcement).toContain('datacenters');
});
