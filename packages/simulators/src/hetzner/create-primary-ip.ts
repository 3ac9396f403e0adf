import { takeFault, type Call } from './call.ts';
import type { Location } from './catalogue/locations.ts';
import { IPV4_PRICE } from './catalogue/server-types.ts';
import { ApiError, limitExceeded } from './errors.ts';
import { formatIpv4 } from './ip-addresses.ts';
import type { Labels } from './labels.ts';
import { nextId, type Account, type PrimaryIp, type Server } from './state.ts';
import { toSecond } from './times.ts';

interface NewPrimaryIp {
  type: 'ipv4' | 'ipv6';
  location: Location;
  server: Server | null;
  /** Named after its id, if left out. */
  name?: string;
  labels?: Labels;
  isAutoDelete: boolean;
}

// 198.18.0.0/15 and 2001:db8::/32 are set aside for tests and documentation: nobody is reached by accident.
const FIRST_IPV4 = (198 * 256 + 18) * 2 ** 16 + 1;

export function createPrimaryIp(call: Call, wanted: NewPrimaryIp): PrimaryIp {
  const { account, project } = call;
  const id = nextId(account);
  const ip: PrimaryIp = {
    ...{ id, name: wanted.name ?? `primary_ip-${id}`, labels: wanted.labels ?? {} },
    createdAt: toSecond(call.now),
    type: wanted.type,
    // Ids are never used twice, so neither are addresses for the next 131,000 of them.
    ip:
      wanted.type === 'ipv4'
        ? formatIpv4(FIRST_IPV4 + (id % (2 ** 17 - 2)))
        : `2001:db8:${(id % 2 ** 16).toString(16)}:${(Math.floor(id / 2 ** 16) % 2 ** 16).toString(16)}::/64`,
    location: wanted.location,
    serverId: wanted.server?.id ?? null,
    isAutoDelete: wanted.isAutoDelete,
    isDeleteProtected: false,
  };
  project.primaryIps.set(id, ip);
  if (ip.type === 'ipv4') billIpv4(call, ip, wanted.server);
  return ip;
}

function billIpv4({ account, project }: Call, ip: PrimaryIp, server: Server | null): void {
  account.billLines.push({
    ...{ kind: 'ipv4', id: ip.id, name: ip.name, project: project.name, serverType: null },
    ...{ serverId: server?.id ?? null, labels: server?.labels ?? ip.labels },
    ...{ location: ip.location.name, price: IPV4_PRICE, startsAt: ip.createdAt, endsAt: null },
  });
}

/** Throws if the account may not have one more IPv4 address. */
export function checkPrimaryIpLimit(call: Call): void {
  const isStruck = takeFault(call, 'limit_exceeded', ({ limit }) => limit === 'primary_ips');
  if (isStruck || countIpv4(call.account) >= call.account.limits.primaryIps) {
    throw limitExceeded('primary_ip_limit', 'Primary IP limit exceeded');
  }
}

/** Throws unless the address can be given to a server like this. */
export function checkAssignable(
  ip: PrimaryIp,
  wanted: { type: 'ipv4' | 'ipv6'; location: Location },
): void {
  if (ip.type !== wanted.type) {
    throw new ApiError('primary_ip_version_mismatch', 'primary IP has the wrong IP version');
  }
  if (ip.serverId !== null) {
    throw new ApiError('primary_ip_assigned', 'primary IP is already assigned');
  }
  if (ip.location.id !== wanted.location.id) {
    throw new ApiError('primary_ip_datacenter_mismatch', 'primary IP is in a different location');
  }
}

function countIpv4(account: Account): number {
  return account.projects.reduce(
    (sum, { primaryIps }) =>
      sum +
      primaryIps
        .values()
        .filter(({ type }) => type === 'ipv4')
        .toArray().length,
    account.releasingIps,
  );
}
