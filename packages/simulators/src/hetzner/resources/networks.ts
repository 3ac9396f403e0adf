import { z } from 'zod';

import { idOf, parseBody, reply, route, type Call, type Route } from '../call.ts';
import { ApiError, invalidInput, notFound } from '../errors.ts';
import { contains, formatIpv4, overlaps, parseIpv4, parseIpv4Range } from '../ip-addresses.ts';
import { BY_CREATION, filterByQuery, listReply } from '../listing.ts';
import { gatewayOf } from '../private-ips.ts';
import { startAction } from '../start-actions.ts';
import { nextId, type Network, type Subnet } from '../state.ts';
import { renderTime, toSecond } from '../times.ts';
import { actionRoutesOf, renderAction } from './actions.ts';
import {
  checkNetworkRange,
  checkRoute,
  planSubnet,
  routeSchema,
  subnetSchema,
} from './network-ranges.ts';
import { checkNameIsFree, labelsSchema, nameSchema, updateResource } from './resource.ts';

const createSchema = z.object({
  name: nameSchema,
  ip_range: z.string(),
  labels: labelsSchema,
  subnets: z.array(subnetSchema).default(() => []),
  routes: z.array(routeSchema).default(() => []),
  expose_routes_to_vswitch: z.boolean().default(false),
});

function renderNetwork(call: Call, network: Network) {
  const gateway = formatIpv4(gatewayOf(network));
  return {
    id: network.id,
    name: network.name,
    labels: network.labels,
    created: renderTime(network.createdAt),
    ip_range: network.ipRange,
    subnets: network.subnets.map(({ type, ipRange, networkZone }) => ({
      type,
      ip_range: ipRange,
      network_zone: networkZone,
      gateway,
      vswitch_id: null,
    })),
    routes: network.routes,
    servers: membersOf(call, network).map(({ id }) => id),
    load_balancers: [],
    protection: { delete: network.isDeleteProtected },
    expose_routes_to_vswitch: network.exposesRoutesToVswitch,
  };
}

export const networkRoutes: readonly Route[] = [
  route('GET', '/networks', (call) =>
    listReply(call, {
      key: 'networks',
      items: filterByQuery(call, call.project.networks.values()),
      render: (network) => renderNetwork(call, network),
      sortBy: BY_CREATION,
    }),
  ),
  route('POST', '/networks', createNetwork),
  ...actionRoutesOf('networks', 'network', (call) => getNetwork(call, idOf(call))),
  route('GET', '/networks/{id}', (call) =>
    reply(200, { network: renderNetwork(call, getNetwork(call, idOf(call))) }),
  ),
  route('PUT', '/networks/{id}', (call) => {
    const network = getNetwork(call, idOf(call));
    const { expose_routes_to_vswitch: exposes } = parseBody(
      call,
      createSchema.pick({ expose_routes_to_vswitch: true }).partial(),
    );
    updateResource(call, network, call.project.networks);
    network.exposesRoutesToVswitch = exposes ?? network.exposesRoutesToVswitch;
    return reply(200, { network: renderNetwork(call, network) });
  }),
  route('DELETE', '/networks/{id}', deleteNetwork),
  route('POST', '/networks/{id}/actions/add_subnet', (call) => {
    const network = getNetwork(call, idOf(call));
    const subnet = planSubnet(network, parseBody(call, subnetSchema));
    network.subnets.push(subnet);
    return change(call, network, 'add_subnet');
  }),
  route('POST', '/networks/{id}/actions/delete_subnet', deleteSubnet),
  route('POST', '/networks/{id}/actions/add_route', (call) => {
    const network = getNetwork(call, idOf(call));
    const wanted = parseBody(call, routeSchema);
    checkRoute(network, wanted);
    network.routes.push(wanted);
    return change(call, network, 'add_route');
  }),
  route('POST', '/networks/{id}/actions/delete_route', (call) => {
    const network = getNetwork(call, idOf(call));
    const wanted = parseBody(call, routeSchema);
    const left = network.routes.filter(
      (known) => known.destination !== wanted.destination || known.gateway !== wanted.gateway,
    );
    if (left.length === network.routes.length) throw notFound('route');
    network.routes = left;
    return change(call, network, 'delete_route');
  }),
  route('POST', '/networks/{id}/actions/change_ip_range', changeRange),
  route('POST', '/networks/{id}/actions/change_protection', (call) => {
    const network = getNetwork(call, idOf(call));
    const wanted = parseBody(call, z.object({ delete: z.boolean().optional() }));
    network.isDeleteProtected = wanted.delete ?? network.isDeleteProtected;
    return change(call, network, 'change_protection');
  }),
];

export function getNetwork(call: Call, id: number): Network {
  const network = call.project.networks.get(id);
  if (!network) throw notFound('network');
  return network;
}

function membersOf(call: Call, network: Network) {
  return [...call.project.servers.values()].filter(({ privateNets }) =>
    privateNets.some(({ networkId }) => networkId === network.id),
  );
}

function createNetwork(call: Call) {
  const { account, project } = call;
  const wanted = parseBody(call, createSchema);
  checkNameIsFree(project.networks, wanted.name);
  checkNetworkRange(wanted.ip_range);
  const subnets: Subnet[] = [];
  for (const subnet of wanted.subnets) {
    subnets.push(planSubnet({ ipRange: wanted.ip_range, subnets }, subnet));
  }
  const network: Network = {
    ...{ id: nextId(account), name: wanted.name, labels: wanted.labels ?? {} },
    ...{ createdAt: toSecond(call.now), ipRange: wanted.ip_range, subnets, routes: [] },
    isDeleteProtected: false,
    exposesRoutesToVswitch: wanted.expose_routes_to_vswitch,
  };
  for (const known of wanted.routes) {
    checkRoute(network, known);
    network.routes.push(known);
  }
  project.networks.set(network.id, network);
  return reply(201, { network: renderNetwork(call, network) });
}

function deleteNetwork(call: Call) {
  const network = getNetwork(call, idOf(call));
  if (network.isDeleteProtected) throw new ApiError('protected', 'network is delete protected');
  for (const server of membersOf(call, network)) {
    server.privateNets = server.privateNets.filter(({ networkId }) => networkId !== network.id);
  }
  call.project.networks.delete(network.id);
  return reply(204);
}

function deleteSubnet(call: Call) {
  const network = getNetwork(call, idOf(call));
  const { ip_range: ipRange } = parseBody(call, z.object({ ip_range: z.string() }));
  const range = parseIpv4Range(ipRange);
  const subnet = network.subnets.find((known) => known.ipRange === ipRange);
  if (!subnet || !range) throw notFound('subnet');
  const isUsed = membersOf(call, network)
    .flatMap(({ privateNets }) => privateNets)
    .filter(({ networkId }) => networkId === network.id)
    .map(({ ip }) => parseIpv4(ip) ?? 0)
    .some((start) => overlaps(range, { start, prefixLength: 32 }));
  if (isUsed) throw new ApiError('service_error', 'subnet has resources attached');
  network.subnets = network.subnets.filter((known) => known !== subnet);
  return change(call, network, 'delete_subnet');
}

// A network can grow and never shrinks.
function changeRange(call: Call) {
  const network = getNetwork(call, idOf(call));
  const { ip_range: ipRange } = parseBody(call, z.object({ ip_range: z.string() }));
  const range = checkNetworkRange(ipRange);
  const current = parseIpv4Range(network.ipRange);
  if (!current || !contains(range, current)) {
    throw invalidInput('ip_range', 'must contain the current range');
  }
  network.ipRange = ipRange;
  return change(call, network, 'change_ip_range');
}

function change(call: Call, network: Network, command: string) {
  const action = startAction(call, {
    command,
    resources: [{ id: network.id, type: 'network' }],
    durationMs: call.account.timings.changeMs,
  });
  return reply(201, { action: renderAction(call, action) });
}
