import { DEFAULT_SCALING_POLICY, type ScalingPolicy } from '../policy.ts';
import type {
  CloudServer,
  DemandGroup,
  FixedWorker,
  FleetSnapshot,
  RunningAttempt,
  Server,
  ServerOffer,
} from '../snapshot.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const GB = 1024 ** 3;
export const NOW = Date.UTC(2026, 10, 21, 10);

export const POLICY: ScalingPolicy = {
  ...DEFAULT_SCALING_POLICY,
  serverOffers: ['driver:bubblewrap', 'driver:docker'],
};

export function makeOffer(changes: Partial<ServerOffer> = {}): ServerOffer {
  return {
    serverType: 'cx23',
    location: 'fsn1',
    architecture: 'x86',
    cpus: 2,
    memoryBytes: 4 * GB,
    priceMicrosPerHour: 8800,
    ipv4MicrosPerHour: 800,
    isAvailable: true,
    isDeprecated: false,
    ...changes,
  };
}

export const OFFERS: readonly ServerOffer[] = ['fsn1', 'nbg1', 'hel1'].flatMap((location) => [
  makeOffer({ location }),
  makeOffer({ location, serverType: 'cax11', architecture: 'arm', priceMicrosPerHour: 9600 }),
  makeOffer({ location, serverType: 'cpx22', priceMicrosPerHour: 31_200 }),
]);

export function makeGroup(changes: Partial<DemandGroup> = {}): DemandGroup {
  return {
    key: 'group',
    cpus: 1,
    memoryBytes: GB,
    requires: [],
    count: 1,
    parallel: null,
    active: 0,
    oldestQueuedAtMs: NOW,
    newestQueuedAtMs: NOW,
    expectedMs: MINUTE,
    timeoutMs: HOUR,
    ...changes,
  };
}

export function makeRunning(changes: Partial<RunningAttempt> = {}): RunningAttempt {
  return {
    cpus: 1,
    memoryBytes: GB,
    remainingMs: MINUTE,
    maxRemainingMs: HOUR,
    ...changes,
  };
}

/** Active, idle, made 10 minutes ago. */
export function makeServer(id: string, changes: Partial<Server> = {}): Server {
  const createdAtMs = changes.createdAtMs === undefined ? NOW - 10 * MINUTE : changes.createdAtMs;
  const intendedAtMs = changes.intendedAtMs ?? (createdAtMs ?? NOW) - SECOND;
  const isUp = changes.state !== 'intended' && changes.state !== 'booting';
  return {
    id,
    name: `rgrid-${id}`,
    state: 'active',
    cloudId: createdAtMs === null ? null : `cloud-${id}`,
    serverType: 'cx23',
    location: 'fsn1',
    architecture: 'x86',
    slots: 2,
    cpus: 2,
    memoryBytes: 3.5 * GB,
    offers: POLICY.serverOffers,
    priceMicrosPerHour: 8800,
    ipv4MicrosPerHour: 800,
    registeredAtMs: isUp ? intendedAtMs + 45 * SECOND : null,
    lastHeartbeatAtMs: isUp ? NOW - SECOND : null,
    idleSinceMs: isUp ? intendedAtMs + 45 * SECOND : null,
    running: [],
    infraFailures: 0,
    deleteTries: 0,
    deleteTriedAtMs: null,
    ...changes,
    createdAtMs,
    intendedAtMs,
  };
}

export function makeWorker(changes: Partial<FixedWorker> = {}): FixedWorker {
  return {
    id: 'laptop',
    isDraining: false,
    slots: 4,
    cpus: 4,
    memoryBytes: 8 * GB,
    offers: ['driver:bubblewrap'],
    running: [],
    ...changes,
  };
}

/** What the cloud lists if it and the books agree. */
export function cloudOf(servers: readonly Server[]): CloudServer[] {
  return servers.flatMap(({ cloudId, name, createdAtMs }) =>
    cloudId === null || createdAtMs === null
      ? []
      : [{ cloudId, name, createdAtMs, status: 'running', labels: {} }],
  );
}

export function makeSnapshot(changes: Partial<FleetSnapshot> = {}): FleetSnapshot {
  return {
    demand: [],
    recentDemand: [],
    workers: [],
    servers: [],
    cloud: cloudOf(changes.servers ?? []),
    offers: OFFERS,
    refusals: { cells: [], account: null },
    budget: { committedMicros: 0 },
    listeningSinceMs: NOW - 24 * HOUR,
    expectedBootMs: 45 * SECOND,
    typicalRunMs: MINUTE,
    ...changes,
  };
}
