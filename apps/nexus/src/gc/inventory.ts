import type {
  Firewall,
  HetznerClient,
  Image,
  PlacementGroup,
  PrimaryIp,
  Server,
  SshKey,
} from '@nexus/hetzner';

/** Everything of a project that may be ours, and the addresses that nobody uses. */
export interface Inventory {
  servers: readonly Server[];
  /** All of the project: those made with a server carry no labels. */
  primaryIps: readonly PrimaryIp[];
  snapshots: readonly Image[];
  sshKeys: readonly SshKey[];
  firewalls: readonly Firewall[];
  placementGroups: readonly PlacementGroup[];
}

/** The label of all that the platform makes, whichever grid it is for. */
const OURS = { 'managed-by': 'rgrid' };

export async function readInventory(client: HetznerClient): Promise<Inventory> {
  const labels = OURS;
  // One after the other: the rate limit is that of the daemon, too.
  return {
    servers: await client.servers.list({ labels }),
    primaryIps: await client.primaryIps.list(),
    snapshots: await client.images.list({ type: 'snapshot', labels }),
    sshKeys: await client.sshKeys.list({ labels }),
    firewalls: await client.firewalls.list({ labels }),
    placementGroups: await client.placementGroups.list({ labels }),
  };
}

/** What a month of each thing costs at most; null: the price list does not say. */
export interface Prices {
  server(serverType: string, location: string): number | null;
  ipv4(location: string): number | null;
  snapshot(sizeBytes: number): number | null;
}

const GB = 10 ** 9;

export async function readPrices(client: HetznerClient): Promise<Prices> {
  const types = await client.serverTypes.list();
  const { ipv4, snapshotMicrosPerGbMonth: perGb } = await client.pricing.get();
  const priceIn = (prices: typeof ipv4 | undefined, location: string) =>
    prices?.find((price) => price.location === location)?.priceMicrosPerMonth ?? null;
  return {
    server: (serverType, location) =>
      priceIn(types.find(({ name }) => name === serverType)?.prices, location),
    ipv4: (location) => priceIn(ipv4, location),
    snapshot: (sizeBytes) => (perGb === null ? null : Math.round((perGb * sizeBytes) / GB)),
  };
}
