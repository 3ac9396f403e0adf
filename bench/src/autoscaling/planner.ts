import {
  DEFAULT_SCALING_POLICY,
  expectRemainingMs,
  makePlan,
  type DemandGroup,
  type FleetSnapshot,
  type ScalingPolicy,
  type Server,
} from '@nexus/grid';

import { median } from '../measuring/statistics.ts';
import {
  MICROS_PER_HOUR,
  MOST_SERVERS,
  SLOTS,
  type Autoscaler,
  type Execution,
  type Orders,
  type SimulatedServer,
  type View,
} from './world.ts';

const GB = 1024 ** 3;
const HOUR = 3_600_000;
const OFFER = {
  serverType: 'cx23',
  location: 'fsn1',
  architecture: 'x86',
  cpus: SLOTS,
  memoryBytes: 4 * GB,
  priceMicrosPerHour: MICROS_PER_HOUR - 800,
  ipv4MicrosPerHour: 800,
} as const;
const ASK = { cpus: 1, memoryBytes: GB };
/** Before anything has run or booted. */
const UNKNOWN_RUN_MS = 60_000;
const UNKNOWN_BOOT_MS = 75_000;

/** The planner of this platform, asked as its daemon asks it: on new work, and every ten seconds. */
export function planner(name = 'this planner', changes: Partial<ScalingPolicy> = {}): Autoscaler {
  const policy = { ...DEFAULT_SCALING_POLICY, maxWorkers: MOST_SERVERS, ...changes };
  return {
    name,
    everyMs: policy.tickMs,
    isEventDriven: true,
    usesPerBoot: Infinity,
    decide(view) {
      if (view.queued.length === 0 && view.servers.length === 0) return {};
      return toOrders(view, policy);
    },
  };
}

function toOrders(view: View, policy: ScalingPolicy): Orders {
  const { actions } = makePlan(gather(view), policy, view.nowMs);
  const ids = (kind: string) =>
    actions.flatMap((action) =>
      action.kind === kind && 'serverId' in action ? (action.serverId ?? []) : [],
    );
  const create = actions.reduce(
    (sum, action) => sum + (action.kind === 'create' ? action.count : 0),
    0,
  );
  return { create, remove: ids('delete'), drain: ids('drain'), resume: ids('resume') };
}

function gather(view: View): FleetSnapshot {
  const typicalRunMs = medianRunMs(view.finished.slice(-50)) ?? UNKNOWN_RUN_MS;
  return {
    demand: groupDemand(view),
    recentDemand: view.recentDemand,
    workers: [],
    servers: view.servers.map((server) => describe(server, view)),
    cloud: view.servers.map(({ id, createdAtMs }) => ({
      cloudId: id,
      name: id,
      createdAtMs,
      status: 'running',
      labels: {},
    })),
    offers: [{ ...OFFER, isAvailable: true, isDeprecated: false }],
    refusals: { cells: [], account: null },
    budget: { committedMicros: 0 },
    listeningSinceMs: view.nowMs,
    expectedBootMs: view.bootsMs.length > 0 ? median(view.bootsMs.slice(-10)) : UNKNOWN_BOOT_MS,
    typicalRunMs,
  };
}

/** Nobody knows how long an execution will take; only how long earlier ones of the same script took. */
function expectedMs(script: string, { finished }: View): number | null {
  const known: Execution[] = [];
  for (let index = finished.length - 1; index >= 0 && known.length < 20; index -= 1) {
    const execution = finished[index];
    if (execution?.script === script) known.push(execution);
  }
  return medianRunMs(known);
}

function medianRunMs(executions: readonly Execution[]): number | null {
  return executions.length > 0 ? median(executions.map(({ runMs }) => runMs)) : null;
}

function groupDemand(view: View): DemandGroup[] {
  const groups = Map.groupBy(view.queued, ({ script }) => script);
  return [...groups].map(([script, executions]) => ({
    key: script,
    ...ASK,
    requires: [],
    count: executions.length,
    parallel: null,
    active: 0,
    oldestQueuedAtMs: executions[0]?.atMs ?? view.nowMs,
    newestQueuedAtMs: executions.at(-1)?.atMs ?? view.nowMs,
    expectedMs: expectedMs(script, view),
    timeoutMs: HOUR,
  }));
}

function describe(server: SimulatedServer, view: View): Server {
  const isUp = server.state === 'up';
  return {
    ...OFFER,
    id: server.id,
    name: server.id,
    cloudId: server.id,
    state: stateOf(server),
    slots: SLOTS,
    offers: [],
    intendedAtMs: server.createdAtMs,
    createdAtMs: server.createdAtMs,
    registeredAtMs: isUp ? server.bootedAtMs : null,
    lastHeartbeatAtMs: isUp ? view.nowMs : null,
    idleSinceMs: server.running.size === 0 && isUp ? server.idleSinceMs : null,
    running: [...server.running].map((execution) => remaining(execution, view)),
    infraFailures: 0,
    deleteTries: 0,
    deleteTriedAtMs: null,
  };
}

function stateOf({ state, isDraining }: SimulatedServer): Server['state'] {
  if (state !== 'up') return 'booting';
  return isDraining ? 'draining' : 'active';
}

function remaining(execution: Execution, view: View) {
  const elapsedMs = view.nowMs - execution.startAtMs;
  const expected = expectedMs(execution.script, view);
  return {
    ...ASK,
    remainingMs: expected === null ? null : expectRemainingMs({ expectedMs: expected, elapsedMs }),
    maxRemainingMs: HOUR - elapsedMs,
  };
}
