import { PUBLIC_KEYS, SERVER, type Api } from './api.ts';

/** Brings every route of the API to an answer, and those that name a thing to an error as well. */
export async function callEveryRoute(api: Api, letTimePass: () => void): Promise<void> {
  const post = async (path: string, body?: object) => {
    const reply = await api('POST', path, body);
    letTimePass();
    return reply.body;
  };
  await callLists(api);
  const { ssh_key: key } = await post('/ssh_keys', { name: 'k', public_key: PUBLIC_KEYS[0] });
  const { network } = await post('/networks', {
    name: 'n',
    ip_range: '10.0.0.0/16',
    subnets: [{ type: 'cloud', network_zone: 'eu-central' }],
  });
  const { firewall } = await post('/firewalls', { name: 'f' });
  const { placement_group: group } = await post('/placement_groups', { name: 'g', type: 'spread' });
  const { primary_ip: ip } = await post('/primary_ips', {
    ...{ name: 'p', type: 'ipv4', location: 'fsn1' },
  });
  const made = await post('/servers', {
    ...{ ...SERVER, ssh_keys: [key.id], labels: { pool: 'a' }, user_data: '#cloud-config' },
    public_net: { enable_ipv4: false },
  });
  const { server } = made;
  await callServerActions(post, server.id, { network: network.id, placement_group: group.id });
  const { image } = await post(`/servers/${server.id}/actions/create_image`, {});
  await callNetworkActions(post, network.id);
  await callFirewallActions(post, firewall.id, server.id);
  await callPrimaryIpActions(post, ip.id, server.id);
  await post(`/images/${image.id}/actions/change_protection`, { delete: false });
  const ids: Record<string, number> = {
    ...{ ssh_keys: key.id, networks: network.id, firewalls: firewall.id, servers: server.id },
    ...{ placement_groups: group.id, primary_ips: ip.id, images: image.id },
    ...{ locations: 1, server_types: 114 },
  };
  await readOneByOne(api, ids);
  for (const collection of ['ssh_keys', 'networks', 'firewalls', 'placement_groups', 'images']) {
    await api('PUT', `/${collection}/${ids[collection]}`, { labels: { a: 'b' } });
  }
  for (const collection of ['servers', 'primary_ips']) {
    await api('PUT', `/${collection}/${ids[collection]}`, { name: 'renamed' });
  }
  await post(`/firewalls/${firewall.id}/actions/remove_from_resources`, {
    remove_from: [{ type: 'server', server: { id: server.id } }],
  });
  for (const collection of DELETABLE) await api('DELETE', `/${collection}/${ids[collection]}`);
  letTimePass();
  await callMissing(api);
}

type Post = (path: string, body?: object) => Promise<Awaited<ReturnType<Api>>['body']>;

const COLLECTIONS_WITH_ACTIONS = ['servers', 'networks', 'firewalls', 'images', 'primary_ips'];
const DELETABLE = [
  ...['servers', 'ssh_keys', 'networks', 'firewalls', 'placement_groups', 'primary_ips', 'images'],
];

async function callLists(api: Api): Promise<void> {
  for (const collection of [...DELETABLE, 'locations', 'server_types', 'pricing', 'datacenters']) {
    await api('GET', `/${collection}`);
  }
  for (const collection of COLLECTIONS_WITH_ACTIONS) await api('GET', `/${collection}/actions`);
  await api('GET', '/actions');
  await api('GET', '/datacenters/1');
}

async function callServerActions(
  post: Post,
  id: number,
  named: { network: number; placement_group: number },
): Promise<void> {
  const act = (action: string, body?: object) => post(`/servers/${id}/actions/${action}`, body);
  for (const action of ['reboot', 'reset', 'shutdown', 'poweron', 'poweroff']) await act(action);
  await act('add_to_placement_group', named);
  await act('remove_from_placement_group');
  await act('attach_to_network', { ...named, ip: '10.0.0.5' });
  await act('change_alias_ips', { ...named, alias_ips: ['10.0.0.6'] });
  await act('detach_from_network', named);
  await act('change_type', { server_type: 'cx33', upgrade_disk: false });
  await act('change_protection', { delete: false, rebuild: false });
  await act('rebuild', { image: 'debian-13' });
  await act('poweroff');
}

async function callNetworkActions(post: Post, id: number): Promise<void> {
  const act = (action: string, body: object) => post(`/networks/${id}/actions/${action}`, body);
  const subnet = { type: 'cloud', network_zone: 'eu-central', ip_range: '10.0.7.0/24' };
  await act('add_subnet', subnet);
  await act('delete_subnet', subnet);
  const route = { destination: '10.100.0.0/24', gateway: '10.0.0.7' };
  await act('add_route', route);
  await act('delete_route', route);
  await act('change_ip_range', { ip_range: '10.0.0.0/15' });
  await act('change_protection', { delete: false });
}

async function callFirewallActions(post: Post, id: number, serverId: number): Promise<void> {
  const act = (action: string, body: object) => post(`/firewalls/${id}/actions/${action}`, body);
  const rule = { direction: 'in', protocol: 'tcp', port: '22', source_ips: ['::/0'] };
  await act('apply_to_resources', { apply_to: [{ type: 'server', server: { id: serverId } }] });
  await act('set_rules', { rules: [rule] });
}

async function callPrimaryIpActions(post: Post, id: number, serverId: number): Promise<void> {
  const act = (action: string, body?: object) => post(`/primary_ips/${id}/actions/${action}`, body);
  await act('assign', { assignee_type: 'server', assignee_id: serverId });
  await act('unassign');
  await act('change_protection', { delete: false });
}

/** Everything that is there, and the first action of what has any. */
async function readOneByOne(api: Api, ids: Record<string, number>): Promise<void> {
  for (const [collection, id] of Object.entries(ids)) await api('GET', `/${collection}/${id}`);
  for (const collection of [...DELETABLE]) await api('GET', `/${collection}?per_page=1`);
  for (const collection of COLLECTIONS_WITH_ACTIONS) {
    const { body } = await api('GET', `/${collection}/${ids[collection]}/actions`);
    const { id } = body.actions[0];
    await api('GET', `/${collection}/actions/${id}`);
    await api('GET', `/${collection}/${ids[collection]}/actions/${id}`);
    await api('GET', `/actions/${id}`);
    await api('GET', `/actions?id=${id}`);
  }
}

/** The same routes, with an id that nothing has. */
async function callMissing(api: Api): Promise<void> {
  for (const collection of DELETABLE) {
    for (const method of ['GET', 'PUT', 'DELETE']) await api(method, `/${collection}/1`, undefined);
  }
  for (const path of ['/locations/99', '/server_types/1', '/actions/1']) await api('GET', path);
  for (const collection of COLLECTIONS_WITH_ACTIONS) {
    for (const path of ['actions/1', '1/actions', '1/actions/1']) {
      await api('GET', `/${collection}/${path}`);
    }
  }
  for (const [collection, actions] of Object.entries(ACTIONS)) {
    for (const action of actions) await api('POST', `/${collection}/1/actions/${action}`, {});
  }
}

const ACTIONS = {
  servers: [
    ...['poweron', 'poweroff', 'shutdown', 'reboot', 'reset', 'change_protection', 'change_type'],
    ...['add_to_placement_group', 'remove_from_placement_group', 'attach_to_network'],
    ...['detach_from_network', 'change_alias_ips', 'create_image', 'rebuild'],
  ],
  networks: [
    ...['add_subnet', 'delete_subnet', 'add_route', 'delete_route', 'change_ip_range'],
    'change_protection',
  ],
  firewalls: ['set_rules', 'apply_to_resources', 'remove_from_resources'],
  images: ['change_protection'],
  primary_ips: ['assign', 'unassign', 'change_protection'],
};
