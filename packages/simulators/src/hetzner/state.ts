import type { Timeline } from '../timeline.ts';
import type { BillLine } from './billing.ts';
import type { Location } from './catalogue/locations.ts';
import type { ServerType } from './catalogue/server-types.ts';
import type { Image } from './catalogue/system-images.ts';
import type { FaultBook } from './faults.ts';
import type { Labels } from './labels.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Stock } from './stock.ts';

/** What every resource of a project has. */
export interface Resource {
  readonly id: number;
  name: string;
  labels: Labels;
  readonly createdAt: number;
}

export interface SshKey extends Resource {
  readonly publicKey: string;
  readonly fingerprint: string;
}

export type ServerStatus =
  | 'initializing'
  | 'off'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'rebuilding'
  | 'deleting';

export interface PrivateNet {
  readonly networkId: number;
  readonly ip: string;
  aliasIps: string[];
}

export interface Server extends Resource {
  status: ServerStatus;
  type: ServerType;
  readonly location: Location;
  image: Image;
  ipv4Id: number | null;
  ipv6Id: number | null;
  privateNets: PrivateNet[];
  firewalls: Map<number, 'applied' | 'pending'>;
  placementGroupId: number | null;
  protection: { delete: boolean; rebuild: boolean };
  userData: string;
  readonly sshKeyIds: readonly number[];
  /** The running actions that lock it. */
  readonly locks: Set<number>;
  lockedUntil: number;
  /** When the machine inside has booted and cloud-init is done; undefined before and while it is off. */
  bootedAt: number | undefined;
  hasBootedBefore: boolean;
  /** Changes whenever power is cut, so that a boot that was under way comes to nothing. */
  powerCycle: number;
  readonly boot: { extraMs: number; isStuck: boolean };
  primaryDiskGb: number;
}

export interface FirewallRule {
  description: string | null;
  direction: 'in' | 'out';
  source_ips: string[];
  destination_ips: string[];
  protocol: 'tcp' | 'udp' | 'icmp' | 'esp' | 'gre';
  port: string | null;
}

export interface Firewall extends Resource {
  rules: FirewallRule[];
  readonly serverIds: Set<number>;
  readonly selectors: Set<string>;
}

export interface Subnet {
  readonly type: 'cloud' | 'server' | 'vswitch';
  readonly ipRange: string;
  readonly networkZone: string;
}

export interface Network extends Resource {
  ipRange: string;
  subnets: Subnet[];
  routes: { destination: string; gateway: string }[];
  isDeleteProtected: boolean;
  exposesRoutesToVswitch: boolean;
}

export type PlacementGroup = Resource;

export interface PrimaryIp extends Resource {
  readonly type: 'ipv4' | 'ipv6';
  readonly ip: string;
  readonly location: Location;
  serverId: number | null;
  isAutoDelete: boolean;
  isDeleteProtected: boolean;
}

export type ResourceType = 'server' | 'firewall' | 'network' | 'image' | 'primary_ip';

export interface Action {
  readonly id: number;
  readonly command: string;
  status: 'running' | 'success' | 'error';
  startedAt: number;
  /** When it is going to be over: never, if it is stuck or has not begun. */
  endsAt: number;
  finishedAt: number | null;
  readonly resources: readonly { id: number; type: ResourceType }[];
  error: { code: string; message: string } | null;
}

export interface Project {
  readonly name: string;
  readonly rateLimit: RateLimit;
  readonly sshKeys: Map<number, SshKey>;
  readonly servers: Map<number, Server>;
  readonly firewalls: Map<number, Firewall>;
  readonly networks: Map<number, Network>;
  readonly placementGroups: Map<number, PlacementGroup>;
  readonly primaryIps: Map<number, PrimaryIp>;
  readonly snapshots: Map<number, Image>;
  readonly actions: Map<number, Action>;
}

/** Limits are per account, whatever the number of its projects. */
export interface Limits {
  servers: number;
  /** IPv4 addresses, counted until they are really released. */
  primaryIps: number;
  firewalls: number;
}

export interface Timings {
  createMs: number;
  /** Of a server made from a snapshot. */
  createFromSnapshotMs: number;
  startMs: number;
  stopMs: number;
  /** From the ACPI signal until the operating system has gone down. */
  shutdownMs: number;
  deleteMs: number;
  rebuildMs: number;
  /** Firewalls, networks, protection, placement groups and the like. */
  changeMs: number;
  snapshotMs: number;
  /** From the status `running` until cloud-init runs the user data. */
  bootMs: number;
  /** Addresses of a deleted server count towards the limit for this long. */
  primaryIpReleaseMs: number;
}

/** What happens to the machines; whoever runs the account drains these after every step. */
export type MachineEvent =
  | { kind: 'booted'; server: Server; project: Project }
  | { kind: 'stopped'; serverId: number };

/** Everything there is. Changed only by handlers and by the timeline, which never look at a clock. */
export interface Account {
  readonly projects: Project[];
  readonly tokens: Map<string, { project: Project; isReadOnly: boolean }>;
  /** Of everybody without a valid token. */
  readonly anonymousRateLimit: RateLimit;
  readonly timeline: Timeline;
  readonly limits: Limits;
  readonly timings: Timings;
  readonly stock: Stock;
  readonly faults: FaultBook;
  readonly billLines: BillLine[];
  readonly machineEvents: MachineEvent[];
  /** IPv4 addresses on their way out. */
  releasingIps: number;
  lastId: number;
  requestCount: number;
}

export function nextId(account: Account): number {
  account.lastId += 1;
  return account.lastId;
}
