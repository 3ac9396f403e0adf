import { z } from 'zod';

import { idOf, parseBody, reply, route, type Call, type Route } from '../call.ts';
import { ApiError, notFound } from '../errors.ts';
import { overlaps, parseIpv4Range } from '../ip-addresses.ts';
import { choosePrivateIp } from '../private-ips.ts';
import { startAction, type Step } from '../start-actions.ts';
import type { Network, PrivateNet, Server } from '../state.ts';
import { renderAction } from './actions.ts';
import { getNetwork } from './networks.ts';
import { idSchema } from './resource.ts';
import { checkUnlocked, getServer, networkStep } from './server.ts';

const attachSchema = z.object({
  network: idSchema,
  ip: z.string().optional(),
  alias_ips: z.array(z.string()).default(() => []),
});

export const serverNetworkRoutes: readonly Route[] = [
  change('attach_to_network', (call, server) => {
    const wanted = parseBody(call, attachSchema);
    const network = getNetwork(call, wanted.network);
    checkAttachable(call, server, network);
    const ip = choosePrivateIp(call.project, network, { server, ip: wanted.ip });
    for (const alias of wanted.alias_ips) {
      choosePrivateIp(call.project, network, { server, ip: alias });
    }
    return networkStep(call, server, { network, ip, aliasIps: wanted.alias_ips });
  }),
  change('detach_from_network', (call, server) => {
    const { network: id } = parseBody(call, z.object({ network: idSchema }));
    const privateNet = getPrivateNet(server, id);
    return {
      command: 'detach_from_network',
      ...stepOf(call, server, id),
      onSuccess: () => {
        server.privateNets = server.privateNets.filter((known) => known !== privateNet);
      },
    };
  }),
  change('change_alias_ips', (call, server) => {
    const wanted = parseBody(call, attachSchema.pick({ network: true, alias_ips: true }));
    const privateNet = getPrivateNet(server, wanted.network);
    const network = getNetwork(call, wanted.network);
    const added = wanted.alias_ips.filter((ip) => !privateNet.aliasIps.includes(ip));
    for (const ip of added) choosePrivateIp(call.project, network, { server, ip });
    return {
      command: 'change_alias_ips',
      ...stepOf(call, server, wanted.network),
      onSuccess: () => {
        privateNet.aliasIps = wanted.alias_ips;
      },
    };
  }),
];

function change(name: string, plan: (call: Call, server: Server) => Step): Route {
  return route('POST', `/servers/{id}/actions/${name}`, (call) => {
    const server = getServer(call, idOf(call));
    checkUnlocked(server, call.now);
    const action = startAction(call, plan(call, server));
    return reply(201, { action: renderAction(call, action) });
  });
}

function stepOf(call: Call, server: Server, networkId: number) {
  return {
    resources: [
      { id: server.id, type: 'server' as const },
      { id: networkId, type: 'network' as const },
    ],
    durationMs: call.account.timings.changeMs,
  };
}

function getPrivateNet(server: Server, networkId: number): PrivateNet {
  const found = server.privateNets.find((known) => known.networkId === networkId);
  if (!found) throw notFound('network');
  return found;
}

function checkAttachable(call: Call, server: Server, network: Network): void {
  const range = parseIpv4Range(network.ipRange);
  for (const { networkId } of server.privateNets) {
    if (networkId === network.id) {
      throw new ApiError('server_already_attached', 'server is already attached to the network');
    }
    const other = parseIpv4Range(getNetwork(call, networkId).ipRange);
    if (range && other && overlaps(range, other)) {
      throw new ApiError('networks_overlap', 'networks of the server must not overlap');
    }
  }
}
