import { z } from 'zod';

import { ApiError, invalidInput } from '../errors.ts';
import { LOCATIONS } from '../catalogue/locations.ts';
import {
  contains,
  endOf,
  formatIpv4Range,
  isPrivate,
  overlaps,
  parseIpv4,
  parseIpv4Range,
  type Ipv4Range,
} from '../ip-addresses.ts';
import { gatewayOf } from '../private-ips.ts';
import type { Network, Subnet } from '../state.ts';

/** 10.0.0.0/24 is the smallest network there is, a /30 the smallest subnet. */
const LONGEST_NETWORK_PREFIX = 24;
const LONGEST_SUBNET_PREFIX = 30;

export const subnetSchema = z.object({
  type: z.enum(['cloud', 'server', 'vswitch']),
  ip_range: z.string().optional(),
  network_zone: z.string(),
});

export const routeSchema = z.object({ destination: z.string(), gateway: z.string() });

export function checkNetworkRange(text: string): Ipv4Range {
  const range = parseIpv4Range(text);
  if (!range) throw invalidInput('ip_range', 'is not a valid CIDR');
  if (!isPrivate(range)) throw invalidInput('ip_range', 'is not a private range of RFC 1918');
  if (range.prefixLength > LONGEST_NETWORK_PREFIX) {
    throw invalidInput('ip_range', `must not be smaller than /${LONGEST_NETWORK_PREFIX}`);
  }
  return range;
}

/** The subnet with its range: the one asked for, or the first free /24. */
export function planSubnet(
  network: Pick<Network, 'ipRange' | 'subnets'>,
  wanted: z.infer<typeof subnetSchema>,
): Subnet {
  if (!LOCATIONS.some(({ networkZone }) => networkZone === wanted.network_zone)) {
    throw invalidInput('network_zone', 'does not exist');
  }
  if (wanted.type === 'vswitch') {
    throw new ApiError('unsupported_error', 'there is no vSwitch to connect to');
  }
  const outer = checkNetworkRange(network.ipRange);
  const others = network.subnets.flatMap(({ ipRange }) => parseIpv4Range(ipRange) ?? []);
  const range =
    wanted.ip_range === undefined
      ? findFreeRange(outer, others)
      : checkSubnetRange(wanted.ip_range, outer, others);
  return { type: wanted.type, networkZone: wanted.network_zone, ipRange: formatIpv4Range(range) };
}

function checkSubnetRange(text: string, outer: Ipv4Range, others: readonly Ipv4Range[]): Ipv4Range {
  const range = parseIpv4Range(text);
  if (!range) throw invalidInput('ip_range', 'is not a valid CIDR');
  if (range.prefixLength > LONGEST_SUBNET_PREFIX) {
    throw invalidInput('ip_range', `must not be smaller than /${LONGEST_SUBNET_PREFIX}`);
  }
  if (!contains(outer, range)) throw invalidInput('ip_range', "is outside of the network's range");
  if (others.some((other) => overlaps(other, range))) {
    throw invalidInput('ip_range', 'overlaps with another subnet');
  }
  return range;
}

function findFreeRange(outer: Ipv4Range, others: readonly Ipv4Range[]): Ipv4Range {
  for (let { start } = outer; start < endOf(outer); start += 256) {
    const range = { start, prefixLength: 24 };
    if (!others.some((other) => overlaps(other, range))) return range;
  }
  throw invalidInput('ip_range', 'no free /24 is left in the network');
}

export function checkRoute(
  network: Pick<Network, 'ipRange' | 'subnets' | 'routes'>,
  wanted: z.infer<typeof routeSchema>,
): void {
  const destination = parseIpv4Range(wanted.destination);
  if (!destination || !(isPrivate(destination) || wanted.destination === '0.0.0.0/0')) {
    throw invalidInput('destination', 'must be 0.0.0.0/0 or a private range of RFC 1918');
  }
  const taken = [...network.subnets.map(({ ipRange }) => ipRange), ...destinationsOf(network)];
  const isTaken = taken
    .flatMap((text) => parseIpv4Range(text) ?? [])
    .some((range) => range.prefixLength > 0 && overlaps(range, destination));
  if (isTaken && destination.prefixLength > 0) {
    throw invalidInput('destination', 'overlaps with a subnet or another route');
  }
  const gateway = parseIpv4(wanted.gateway);
  if (gateway === undefined || gateway === gatewayOf(network) || wanted.gateway === '172.31.1.1') {
    throw invalidInput('gateway', 'is not allowed');
  }
}

function destinationsOf(network: Pick<Network, 'routes'>): string[] {
  return network.routes.map(({ destination }) => destination);
}
