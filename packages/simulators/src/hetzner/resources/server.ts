import type { Call } from '../call.ts';
import { ApiError, notFound } from '../errors.ts';
import type { Step } from '../start-actions.ts';
import type { Network, PrivateNet, Server } from '../state.ts';
import { renderTime } from '../times.ts';
import { renderImage } from './images.ts';
import { renderLocation } from './locations.ts';
import { renderPlacementGroup } from './placement-groups.ts';
import { reverseName } from './primary-ips.ts';
import { renderServerType } from './server-types.ts';

export function renderServer(call: Call, server: Server) {
  const { project } = call;
  const group =
    server.placementGroupId === null
      ? undefined
      : project.placementGroups.get(server.placementGroupId);
  return {
    id: server.id,
    name: server.name,
    status: server.status,
    created: renderTime(server.createdAt),
    public_net: renderPublicNet(call, server),
    private_net: server.privateNets.map(({ networkId, ip, aliasIps }) => ({
      network: networkId,
      ip,
      alias_ips: aliasIps,
      mac_address: macOf(server.id, networkId),
    })),
    server_type: renderServerType(call, server.type),
    location: renderLocation(server.location),
    image: renderImage(server.image),
    iso: null,
    rescue_enabled: false,
    locked: isLocked(server, call.now),
    backup_window: null,
    outgoing_traffic: null,
    ingoing_traffic: null,
    included_traffic: 20 * 2 ** 40,
    protection: server.protection,
    labels: server.labels,
    volumes: [],
    load_balancers: [],
    primary_disk_size: server.primaryDiskGb,
    placement_group: group ? renderPlacementGroup(project, group) : null,
  };
}

function renderPublicNet({ project }: Call, server: Server) {
  const ipv4 = server.ipv4Id === null ? undefined : project.primaryIps.get(server.ipv4Id);
  const ipv6 = server.ipv6Id === null ? undefined : project.primaryIps.get(server.ipv6Id);
  return {
    ipv4: ipv4 ? { id: ipv4.id, ip: ipv4.ip, blocked: false, dns_ptr: reverseName(ipv4) } : null,
    ipv6: ipv6 ? { id: ipv6.id, ip: ipv6.ip, blocked: false, dns_ptr: [] } : null,
    floating_ips: [],
    firewalls: [...server.firewalls].map(([id, status]) => ({ id, status })),
  };
}

function macOf(...ids: readonly number[]): string {
  const number = ids.reduce((sum, id) => (sum * 65_599 + id) % 2 ** 32, 0);
  const hex = number.toString(16).padStart(8, '0');
  return ['86', '00', ...(hex.match(/../g) ?? [])].join(':');
}

export function getServer(call: Call, id: number): Server {
  const server = call.project.servers.get(id);
  if (!server) throw notFound('server');
  return server;
}

export function isLocked(server: Server, now: number): boolean {
  return server.locks.size > 0 || server.lockedUntil > now;
}

/** Throws while another action is at work on it. */
export function checkUnlocked(server: Server, now: number): void {
  if (isLocked(server, now)) {
    throw new ApiError('locked', 'cannot perform operation because server is locked');
  }
}

/** The address is taken at once, so that nobody else is given it meanwhile. */
export function networkStep(
  call: Call,
  server: Server,
  wanted: { network: Network; ip: string; aliasIps: string[] },
): Step {
  const { network, ip, aliasIps } = wanted;
  const privateNet: PrivateNet = { networkId: network.id, ip, aliasIps };
  server.privateNets.push(privateNet);
  return {
    command: 'attach_to_network',
    resources: [
      { id: server.id, type: 'server' },
      { id: network.id, type: 'network' },
    ],
    durationMs: call.account.timings.changeMs,
    onFailure: () => {
      server.privateNets = server.privateNets.filter((known) => known !== privateNet);
    },
  };
}
