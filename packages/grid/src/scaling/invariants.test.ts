import fc from 'fast-check';
import { expect, test } from 'vitest';

import { hourlyMicros } from './hours.ts';
import { makePlan } from './make-plan.ts';
import type { ScalingAction, ScalingPlan } from './plan.ts';
import type { ScalingPolicy } from './policy.ts';
import {
  SERVER_TRANSITIONS,
  type DemandGroup,
  type FleetSnapshot,
  type RunningAttempt,
  type Server,
  type ServerState,
} from './snapshot.ts';
import {
  cloudOf,
  GB,
  HOUR,
  makeGroup,
  makeOffer,
  makeServer,
  makeSnapshot,
  makeWorker,
  MINUTE,
  NOW,
  OFFERS,
  POLICY,
} from './testing/situations.ts';

const running: fc.Arbitrary<RunningAttempt> = fc.record({
  cpus: fc.constantFrom(0.5, 1),
  memoryBytes: fc.constantFrom(GB / 2, GB),
  remainingMs: fc.option(fc.nat(2 * HOUR)),
  maxRemainingMs: fc.nat(3 * HOUR),
});

const group: fc.Arbitrary<DemandGroup> = fc
  .record({
    key: fc.constantFrom('a', 'b', 'c'),
    cpus: fc.constantFrom(0.5, 1, 2, 3),
    memoryBytes: fc.constantFrom(GB, 2 * GB, 3 * GB, 8 * GB),
    requires: fc.subarray(['driver:docker', 'driver:bubblewrap']),
    count: fc.integer({ min: 1, max: 300 }),
    parallel: fc.option(fc.integer({ min: 1, max: 40 })),
    active: fc.nat(20),
    ageMs: fc.nat(20 * MINUTE),
    expectedMs: fc.option(fc.integer({ min: 1, max: 3 * HOUR })),
    timeoutMs: fc.constantFrom(MINUTE, HOUR, 5 * HOUR),
  })
  .map(({ ageMs, ...rest }) => makeGroup({ ...rest, oldestQueuedAtMs: NOW - ageMs }));

const STATES = ['intended', 'booting', 'active', 'draining', 'deleting'] as const;

const server: fc.Arbitrary<Server> = fc
  .record({
    id: fc.integer({ min: 1, max: 1e9 }),
    // Healthy ones, near the end of an hour or not, are what most decisions are about.
    state: fc.constantFrom(...STATES, 'active', 'active', 'draining'),
    ageMs: fc.oneof(
      fc.nat(5 * HOUR),
      fc.nat(4 * MINUTE),
      fc.integer({ min: 55 * MINUTE, max: HOUR }),
    ),
    running: fc.array(running, { maxLength: 2 }),
    silentMs: fc.constantFrom(0, 0, MINUTE, HOUR),
    infraFailures: fc.constantFrom(0, 0, 0, 2, 3),
    deleteTries: fc.nat(6),
    triedMs: fc.nat(2 * MINUTE),
  })
  .map(({ id, ageMs, silentMs, triedMs, ...rest }) => {
    const canRun = rest.state === 'active' || rest.state === 'draining';
    return makeServer(String(id), {
      ...rest,
      running: canRun ? rest.running : [],
      createdAtMs: rest.state === 'intended' ? null : NOW - ageMs,
      intendedAtMs: NOW - ageMs - 1000,
      lastHeartbeatAtMs: canRun ? NOW - silentMs : null,
      deleteTriedAtMs: rest.deleteTries > 0 ? NOW - triedMs : null,
    });
  });

const cells = fc.uniqueArray(
  fc.record({
    serverType: fc.constantFrom('cx23', 'cax11', 'cpx22'),
    location: fc.constantFrom('fsn1', 'nbg1', 'hel1'),
    failures: fc.integer({ min: 1, max: 5 }),
    untilMs: fc.constantFrom(NOW - 1, NOW + MINUTE),
    reason: fc.constant('resource_unavailable'),
  }),
  { maxLength: 6, selector: ({ serverType, location }) => `${serverType} ${location}` },
);

const snapshot: fc.Arbitrary<FleetSnapshot> = fc
  .record({
    demand: fc.uniqueArray(group, { maxLength: 3, selector: ({ key }) => key }),
    recentDemand: fc.array(fc.nat(20), { maxLength: 60 }),
    workers: fc.constantFrom([], [makeWorker()], [makeWorker({ isDraining: true })]),
    servers: fc.uniqueArray(server, { maxLength: 8, selector: ({ id }) => id }),
    offers: fc.subarray([...OFFERS, makeOffer({ location: 'nbg1', isDeprecated: true })]),
    cells,
    account: fc.option(
      fc.record({
        failures: fc.constant(1),
        untilMs: fc.constantFrom(NOW - 1, NOW + MINUTE),
        reason: fc.constant('server limit exceeded'),
      }),
    ),
    committedMicros: fc.nat(200_000),
    isListed: fc.constantFrom('all', 'all', 'all', 'none', 'unknown'),
  })
  .map(({ cells, account, committedMicros, isListed, ...rest }) =>
    makeSnapshot({
      ...rest,
      cloud: isListed === 'unknown' ? null : cloudOf(isListed === 'all' ? rest.servers : []),
      refusals: { cells, account },
      budget: { committedMicros },
    }),
  );

const policy: fc.Arbitrary<ScalingPolicy> = fc
  .record({
    queueDepth: fc.integer({ min: 1, max: 20 }),
    maxWaitMs: fc.constantFrom(0, MINUTE, HOUR),
    maxWorkers: fc.nat(12),
    slotsPerServer: fc.option(fc.integer({ min: 1, max: 8 })),
    budgetMicrosPerMonth: fc.option(fc.nat(1_000_000)),
  })
  .map((changes) => ({ ...POLICY, ...changes }));

function always(
  name: string,
  holds: (given: FleetSnapshot, rules: ScalingPolicy, plan: ScalingPlan) => void,
) {
  test(name, () => {
    fc.assert(
      fc.property(snapshot, policy, (given, rules) => {
        holds(given, rules, makePlan(given, rules, NOW));
      }),
      { numRuns: 200 },
    );
  });
}

test('the situations that are tried lead to all kinds of actions', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(snapshot, policy, (given, rules) => {
      for (const { kind, code } of makePlan(given, rules, NOW).actions) seen.add(`${kind} ${code}`);
    }),
    { numRuns: 1000, seed: 1 },
  );
  expect([...seen]).toEqual(
    expect.arrayContaining([
      'create max_wait',
      'create nothing_serves',
      'create queue_depth',
      'drain bad_server',
      'drain budget',
      'drain hour_ends',
      'drain silent',
      'delete bad_server',
      'delete hour_ends',
      'resume demand_returned',
      'resume hour_paid',
    ]),
  );
});

function creates(plan: ScalingPlan) {
  return plan.actions.filter((action) => action.kind === 'create');
}

function created(plan: ScalingPlan): number {
  return creates(plan).reduce((sum, { count }) => sum + count, 0);
}

always('there are never more servers than MAX_WORKERS', (given, rules, plan) => {
  if (created(plan) > 0)
    expect(given.servers.length + created(plan)).toBeLessThanOrEqual(rules.maxWorkers);
});

always('no create could take the month over its budget', (_given, rules, plan) => {
  if (created(plan) === 0 || rules.budgetMicrosPerMonth === null) return;
  const { committedMicros, reservedMicros } = plan.budget;
  const ordered = creates(plan).reduce(
    (sum, { count, reserveMicros }) => sum + count * reserveMicros,
    0,
  );
  expect(committedMicros + reservedMicros + ordered).toBeLessThanOrEqual(
    rules.budgetMicrosPerMonth,
  );
});

always('over budget, no server goes on taking work', (given, _rules, plan) => {
  const { limitMicros, committedMicros, reservedMicros } = plan.budget;
  if (limitMicros === null || committedMicros + reservedMicros <= limitMicros) return;
  const stopped = new Set(
    plan.actions.flatMap((action) =>
      action.kind === 'drain' || action.kind === 'forget' ? [action.serverId] : [],
    ),
  );
  const taking = given.servers.filter(({ state, id }) => state === 'active' && !stopped.has(id));
  expect(taking).toEqual([]);
  expect(plan.actions.filter(({ kind }) => kind === 'create' || kind === 'resume')).toEqual([]);
});

always('no server with a lease is deleted', (given, _rules, plan) => {
  const deleted = new Set(
    plan.actions.flatMap((action) => (action.kind === 'delete' ? [action.serverId] : [])),
  );
  expect(given.servers.filter(({ id, running }) => deleted.has(id) && running.length > 0)).toEqual(
    [],
  );
});

type Move = Exclude<ScalingAction['kind'], 'create' | 'retry' | 'adopt'>;

const LEADS_TO: Readonly<Record<Move, ServerState>> = {
  drain: 'draining',
  resume: 'active',
  delete: 'deleting',
  forget: 'gone',
};

const GONE = { state: 'gone', cloudId: 'gone' } as const;

always(
  'each server gets at most one action, and one that its state allows',
  (given, _rules, plan) => {
    const seen = new Set<string>();
    for (const action of plan.actions) {
      if (action.kind === 'create' || action.serverId === null) continue;
      expect(seen).not.toContain(action.serverId);
      seen.add(action.serverId);
      const { state, cloudId } = given.servers.find(({ id }) => id === action.serverId) ?? GONE;
      if (action.kind === 'retry') expect(state).toBe('intended');
      else if (action.kind === 'adopt') expect(cloudId).toBeNull();
      else if (state !== 'deleting' || action.kind !== 'delete')
        expect(SERVER_TRANSITIONS[state]).toContain(LEADS_TO[action.kind]);
    }
  },
);

always('nothing is ordered that is refused, not sold, or for nobody', (given, rules, plan) => {
  if (given.demand.length === 0) expect(creates(plan)).toEqual([]);
  const { account, cells } = given.refusals;
  if (account !== null && account.untilMs > NOW) expect(creates(plan)).toEqual([]);
  for (const { serverType, location } of creates(plan)) {
    const here = (cell: { serverType: string; location: string }) =>
      cell.serverType === serverType && cell.location === location;
    expect(given.offers.some(here)).toBe(true);
    expect(cells.filter((cell) => here(cell) && cell.untilMs > NOW)).toEqual([]);
    expect(rules.serverTypes).toContain(serverType);
  }
});

always(
  'everything that waits is told why, and every action says why it is taken',
  (given, _rules, plan) => {
    expect(plan.outlooks.map(({ key }) => key)).toEqual(given.demand.map(({ key }) => key));
    for (const text of [...plan.outlooks, ...plan.notices].map(({ message }) => message))
      expect(text.length).toBeGreaterThan(10);
    for (const { reason } of plan.actions) expect(reason.length).toBeGreaterThan(10);
  },
);

always('the same snapshot gives the same plan', (given, rules, plan) => {
  expect(makePlan(structuredClone(given), rules, NOW)).toEqual(plan);
});

always('what was ordered is not ordered again', (given, rules, plan) => {
  const intents = creates(plan).flatMap((order) =>
    Array.from({ length: order.count }, (_, index) => {
      const offer = given.offers.find(
        ({ serverType, location }) =>
          serverType === order.serverType && location === order.location,
      );
      return makeServer(`new-${order.serverType}-${order.location}-${order.code}-${index}`, {
        state: 'intended',
        createdAtMs: null,
        intendedAtMs: NOW,
        slots: order.slots,
        cpus: offer?.cpus ?? 0,
        memoryBytes: (offer?.memoryBytes ?? 0) - rules.systemMemoryBytes,
        serverType: order.serverType,
        location: order.location,
        priceMicrosPerHour: order.priceMicrosPerHour,
        ipv4MicrosPerHour: order.ipv4MicrosPerHour,
      });
    }),
  );
  const resumed = new Set(
    plan.actions.flatMap((action) => (action.kind === 'resume' ? [action.serverId] : [])),
  );
  const committedMicros =
    given.budget.committedMicros + intents.reduce((sum, intent) => sum + hourlyMicros(intent), 0);
  const servers = given.servers.map((old) =>
    resumed.has(old.id) ? { ...old, state: 'active' as const } : old,
  );
  const next = { ...given, servers: [...servers, ...intents], budget: { committedMicros } };
  expect(creates(makePlan(next, rules, NOW))).toEqual([]);
});

always('what was drained or taken back is left so in the next moment', (given, rules, plan) => {
  // A drain for another reason may free the money that a drain for the budget was about.
  if (rules.budgetMicrosPerMonth !== null) return;
  const moved = new Map(
    plan.actions.flatMap((action): [string, 'draining' | 'active'][] => {
      if (action.kind === 'drain') return [[action.serverId, 'draining']];
      return action.kind === 'resume' ? [[action.serverId, 'active']] : [];
    }),
  );
  const servers = given.servers.map((old) => ({ ...old, state: moved.get(old.id) ?? old.state }));
  const again = makePlan({ ...given, servers }, rules, NOW).actions;
  const back = again.filter(({ kind }) => kind === 'drain' || kind === 'resume');
  expect(back.filter((action) => 'serverId' in action && moved.has(action.serverId ?? ''))).toEqual(
    [],
  );
});
