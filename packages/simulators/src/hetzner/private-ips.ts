import type { Location } from './catalogue/locations.ts';
import { ApiError } from './errors.ts';
import { endOf, formatIpv4, parseIpv4, parseIpv4Range, type Ipv4Range } from './ip-addresses.ts';
import type { Network, Project, Server } from './state.ts';

/** A free address of the network for a server there: the one asked for, or the first. Throws if there is none. */
export function choosePrivateIp(
  project: Project,
  network: Network,
  wanted: { server: Server; ip?: string | undefined },
): string {
  const { server, ip } = wanted;
  if (ip !== undefined) {
    checkIsFree(project, network, { server, ip });
    return ip;
  }
  const found = findPrivateIp(project, network, server.location);
  if (found === undefined) throw new ApiError('no_subnet_available', 'no subnet or IP available');
  return found;
}

/** The first that is free for a server in that location. */
export function findPrivateIp(
  project: Project,
  network: Network,
  location: Location,
): string | undefined {
  const taken = takenAddresses(project, network);
  for (const range of subnetRanges(network, location.networkZone)) {
    // The first and last address of a subnet name the subnet itself and all of its hosts.
    for (let address = range.start + 1; address < endOf(range) - 1; address += 1) {
      if (!taken.has(address)) return formatIpv4(address);
    }
  }
  return undefined;
}

function checkIsFree(
  project: Project,
  network: Network,
  { server, ip }: { server: Server; ip: string },
): void {
  const address = parseIpv4(ip);
  const isInside = subnetRanges(network, server.location.networkZone).some((range) =>
    isUsable(range, address),
  );
  if (address === undefined || !isInside || takenAddresses(project, network).has(address)) {
    throw new ApiError('ip_not_available', 'IP is not available');
  }
}

function subnetRanges(network: Network, networkZone: string): Ipv4Range[] {
  return network.subnets
    .filter((subnet) => subnet.networkZone === networkZone && subnet.type !== 'vswitch')
    .flatMap((subnet) => parseIpv4Range(subnet.ipRange) ?? []);
}

function isUsable(range: Ipv4Range, address: number | undefined): boolean {
  return address !== undefined && address > range.start && address < endOf(range) - 1;
}

/** 172.31.1.1 is the gateway of every server's public interface. */
const PUBLIC_GATEWAY = parseIpv4('172.31.1.1') ?? 0;

function takenAddresses(project: Project, network: Network): Set<number> {
  const addresses = [...project.servers.values()]
    .flatMap((server) => server.privateNets)
    .filter(({ networkId }) => networkId === network.id)
    .flatMap(({ ip, aliasIps }) => [ip, ...aliasIps])
    .map((ip) => parseIpv4(ip) ?? 0);
  return new Set([...addresses, gatewayOf(network), PUBLIC_GATEWAY]);
}

/** The first address of the whole range routes between the subnets. */
export function gatewayOf(network: Pick<Network, 'ipRange'>): number {
  return (parseIpv4Range(network.ipRange)?.start ?? 0) + 1;
}
