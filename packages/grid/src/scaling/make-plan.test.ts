import { describe, expect, test } from 'vitest';

import { makePlan } from './make-plan.ts';
import type { ScalingAction } from './plan.ts';
import type { ScalingPolicy } from './policy.ts';
import type { FleetSnapshot, Server } from './snapshot.ts';
import {
  GB,
  HOUR,
  makeGroup,
  makeOffer,
  makeRunning,
  makeServer,
  makeSnapshot,
  makeWorker,
  MINUTE,
  NOW,
  OFFERS,
  POLICY,
  SECOND,
} from './testing/situations.ts';

function plan(changes: Partial<FleetSnapshot>, policy: Partial<ScalingPolicy> = {}) {
  return makePlan(makeSnapshot(changes), { ...POLICY, ...policy }, NOW);
}

/** `create cx23@fsn1 x3 max_wait`, `delete a hour_ends`. */
function inShort(action: ScalingAction): string {
  const { kind, code } = action;
  if (action.kind === 'create')
    return `create ${action.serverType}@${action.location} x${action.count} ${code}`;
  const subject = action.serverId ?? (action.kind === 'delete' ? action.name : '');
  return `${kind} ${subject} ${code}`;
}

function actions(changes: Partial<FleetSnapshot>, policy: Partial<ScalingPolicy> = {}): string[] {
  return plan(changes, policy).actions.map(inShort);
}

function outlook(changes: Partial<FleetSnapshot>, policy: Partial<ScalingPolicy> = {}) {
  return plan(changes, policy).outlooks[0];
}

/** A server whose paid hour ends in so long. */
function ending(id: string, leftMs: number, changes: Partial<Server> = {}): Server {
  return makeServer(id, { createdAtMs: NOW - HOUR + leftMs, ...changes });
}

const busy = (remainingMs: number, count = 2) =>
  Array.from({ length: count }, () => makeRunning({ remainingMs }));
const everyFiveMinutes = (demand: number) =>
  Array.from({ length: 60 }, (_, minute) => (minute % 5 === 0 ? demand : 0));

describe('servers are made', () => {
  const laptop = makeWorker({ slots: 2, running: busy(20 * SECOND) });

  test.each<[string, Partial<FleetSnapshot>, string[]]>([
    ['not for nothing', {}, []],
    [
      'for a single execution where nothing else could run it: a wait would save nothing',
      { demand: [makeGroup()] },
      ['create cx23@fsn1 x1 nothing_serves'],
    ],
    [
      'as many as it takes to start all in time',
      { demand: [makeGroup({ count: 8, expectedMs: 10 * MINUTE })] },
      ['create cx23@fsn1 x1 nothing_serves', 'create cx23@fsn1 x3 max_wait'],
    ],
    [
      'few, where many short ones start in time on few',
      { demand: [makeGroup({ count: 100, expectedMs: SECOND })] },
      ['create cx23@fsn1 x1 nothing_serves', 'create cx23@fsn1 x3 max_wait'],
    ],
    [
      'not where a slot will be free before a server would be up',
      { demand: [makeGroup({ count: 2 })], workers: [laptop] },
      [],
    ],
    [
      'not where the queue will have drained before a server would be up',
      {
        demand: [makeGroup({ count: 12, expectedMs: 4 * SECOND })],
        workers: [laptop],
      },
      [],
    ],
    [
      'where the wait for a slot would be too long',
      {
        demand: [makeGroup({ count: 1 })],
        workers: [makeWorker({ slots: 2, running: busy(5 * MINUTE) })],
      },
      ['create cx23@fsn1 x1 max_wait'],
    ],
    [
      'not twice: what boots counts',
      {
        demand: [makeGroup({ count: 2 })],
        servers: [makeServer('a', { state: 'booting', createdAtMs: NOW - 5 * SECOND })],
      },
      [],
    ],
    [
      'not twice: what is only intended counts',
      {
        demand: [makeGroup({ count: 2 })],
        servers: [makeServer('a', { state: 'intended', createdAtMs: null })],
      },
      [],
    ],
    [
      'again for what a missed boot leaves undone',
      {
        demand: [makeGroup()],
        servers: [makeServer('a', { state: 'booting', createdAtMs: NOW - 6 * MINUTE })],
      },
      ['delete a boot_deadline', 'create cx23@fsn1 x1 nothing_serves'],
    ],
    [
      'for what needs a driver that the workers here lack',
      { demand: [makeGroup({ requires: ['driver:docker'] })], workers: [makeWorker()] },
      ['create cx23@fsn1 x1 nothing_serves'],
    ],
    [
      'not past a --parallel limit, where they could not be used',
      {
        demand: [makeGroup({ count: 100, parallel: 2, active: 2, expectedMs: 10 * MINUTE })],
        servers: [makeServer('a', { running: busy(10 * MINUTE) })],
      },
      [],
    ],
    [
      'as many as a --parallel limit lets be used',
      { demand: [makeGroup({ count: 100, parallel: 6, expectedMs: 10 * MINUTE })] },
      ['create cx23@fsn1 x1 nothing_serves', 'create cx23@fsn1 x2 max_wait'],
    ],
    [
      'for one at a time by what it asks, where that is more than a slot',
      { demand: [makeGroup({ count: 2, cpus: 2, expectedMs: 10 * MINUTE })] },
      ['create cx23@fsn1 x1 nothing_serves', 'create cx23@fsn1 x1 max_wait'],
    ],
  ])('%s', (_name, snapshot, expected) => {
    expect(actions(snapshot)).toEqual(expected);
  });

  test('never more than MAX_WORKERS, whatever their state', () => {
    const demand = [makeGroup({ count: 1000, expectedMs: HOUR })];
    expect(actions({ demand }, { maxWorkers: 3 })).toEqual([
      'create cx23@fsn1 x1 nothing_serves',
      'create cx23@fsn1 x2 max_wait',
    ]);
    const servers = [
      makeServer('a', { running: busy(HOUR) }),
      makeServer('b', { state: 'deleting', deleteTriedAtMs: NOW }),
      makeServer('c', { state: 'intended', createdAtMs: null }),
    ];
    expect(actions({ demand, servers }, { maxWorkers: 3 })).toEqual([]);
    expect(outlook({ demand, servers }, { maxWorkers: 3 })).toMatchObject({
      code: 'max_workers',
      message: expect.stringContaining('3 of at most 3 servers exist'),
    });
  });

  test('by a full queue before the longest wait, where that is long', () => {
    const workers = [makeWorker({ slots: 1, running: busy(2 * MINUTE, 1) })];
    const patient = { maxWaitMs: 30 * MINUTE };
    const group = (count: number) => ({ demand: [makeGroup({ count })], workers });
    expect(actions(group(4), patient)).toEqual([]);
    expect(outlook(group(4), patient)).toMatchObject({ code: 'below_threshold' });
    expect(actions(group(5), patient)).toEqual(['create cx23@fsn1 x1 queue_depth']);
  });

  test('more at once where that costs no more hours', () => {
    const demand = [makeGroup({ count: 16, expectedMs: 30 * MINUTE })];
    const patient = { maxWaitMs: 24 * HOUR, queueDepth: 1000 };
    // One server needs four hours for it, and four need an hour each; but boot takes them over the hour.
    expect(actions({ demand }, patient)).toEqual(['create cx23@fsn1 x1 nothing_serves']);
    const shorter = [makeGroup({ count: 16, expectedMs: 29 * MINUTE })];
    expect(actions({ demand: shorter }, patient)).toEqual(['create cx23@fsn1 x4 nothing_serves']);
  });
});

describe('what the cloud refuses', () => {
  const demand = [makeGroup()];
  const cell = (serverType: string, location: string, untilMs = NOW + 4 * MINUTE) => ({
    serverType,
    location,
    failures: 1,
    untilMs,
    reason: 'resource_unavailable',
  });

  test('is passed over for the next location, then the next type, and said', () => {
    const one = { demand, refusals: { cells: [cell('cx23', 'fsn1')], account: null } };
    expect(actions(one)).toEqual(['create cx23@nbg1 x1 nothing_serves']);
    expect(outlook(one)?.message).toBe(
      '1 server ordered, up in about 45 s; cx23 sold out in fsn1, trying nbg1',
    );
    const all = ['fsn1', 'nbg1', 'hel1'].map((location) => cell('cx23', location));
    const type = plan({ demand, refusals: { cells: all, account: null } });
    expect(type.actions.map(inShort)).toEqual(['create cax11@fsn1 x1 nothing_serves']);
    expect(type.actions[0]?.reason).toContain(
      'cx23 sold out in fsn1, nbg1, hel1, cax11 in fsn1 instead',
    );
  });

  test('is asked for again when its time has come', () => {
    const refusals = { cells: [cell('cx23', 'fsn1', NOW)], account: null };
    expect(actions({ demand, refusals })).toEqual(['create cx23@fsn1 x1 nothing_serves']);
  });

  test('leaves nothing to try once all is sold out, and says until when', () => {
    const offers = OFFERS.map((offer) => ({ ...offer, isAvailable: offer.serverType === 'cx23' }));
    const cells = ['fsn1', 'nbg1', 'hel1'].map((location) => cell('cx23', location));
    const given = { demand, offers, refusals: { cells, account: null } };
    expect(actions(given)).toEqual([]);
    expect(outlook(given)).toMatchObject({
      code: 'sold_out',
      message: expect.stringMatching(/^cx23 sold out in fsn1.*cax11 .*; asked for again in 4 min$/),
    });
  });

  test('stops everything where it is the whole account', () => {
    const account = { failures: 1, untilMs: NOW + 5 * MINUTE, reason: 'server limit exceeded' };
    const given = { demand, refusals: { cells: [], account } };
    expect(actions(given)).toEqual([]);
    expect(outlook(given)).toMatchObject({
      code: 'account_refused',
      message: 'server limit exceeded; asked again in 5 min',
    });
  });

  test('includes types that are going and types that are gone', () => {
    const offers = OFFERS.map((offer) => ({ ...offer, isDeprecated: offer.serverType === 'cx23' }));
    const going = plan({ demand, offers });
    expect(going.actions.map(inShort)).toEqual(['create cax11@fsn1 x1 nothing_serves']);
    expect(going.notices).toContainEqual({
      code: 'type_deprecated',
      message: 'cx23 will be withdrawn; cax11 is used instead',
    });
    const gone = plan({ demand, offers: offers.filter((offer) => offer.serverType === 'cpx22') });
    expect(gone.actions.map(inShort)).toEqual(['create cpx22@fsn1 x1 nothing_serves']);
    expect(gone.notices.map((notice) => notice.code)).toEqual(Array(3).fill('type_replaced'));
  });

  test('a type that is going is better than none', () => {
    const offers = [makeOffer({ isDeprecated: true })];
    expect(actions({ demand, offers })).toEqual(['create cx23@fsn1 x1 nothing_serves']);
  });

  test('an architecture without a worker is not ordered', () => {
    const offers = OFFERS.filter((offer) => offer.serverType !== 'cx23');
    expect(actions({ demand, offers }, { architectures: ['x86'] })).toEqual([
      'create cpx22@fsn1 x1 nothing_serves',
    ]);
  });

  test('what no type can run is never ordered, and said', () => {
    // A type of 4 GB does not have 4 GB for executions: the system needs some.
    for (const ask of [{ cpus: 3 }, { memoryBytes: 4 * GB }, { requires: ['driver:gpu'] }]) {
      const given = { demand: [makeGroup(ask)] };
      expect(actions(given)).toEqual([]);
      expect(outlook(given)?.code).toBe('no_server_fits');
    }
  });
});

describe('a paid hour', () => {
  test.each<[string, Partial<FleetSnapshot>, string[]]>([
    ['keeps an idle server until its last minutes', { servers: [ending('a', 10 * MINUTE)] }, []],
    [
      'ends with an idle server drained',
      { servers: [ending('a', 110 * SECOND)] },
      ['drain a hour_ends'],
    ],
    [
      'ends with a drained server deleted',
      { servers: [ending('a', 100 * SECOND, { state: 'draining' })] },
      ['delete a hour_ends'],
    ],
    [
      'of a drained server may still be of use before its last minutes',
      { servers: [ending('a', 3 * MINUTE, { state: 'draining' })] },
      [],
    ],
    [
      'is followed by another under a long execution',
      { servers: [ending('a', 100 * SECOND, { running: busy(10 * MINUTE, 1) })] },
      [],
    ],
    [
      'is followed by another for a server that was needed again and again',
      { servers: [ending('a', 100 * SECOND)], recentDemand: everyFiveMinutes(1) },
      [],
    ],
    [
      'is the last of as many as were not needed',
      {
        servers: [ending('a', 100 * SECOND), ending('b', 100 * SECOND), ending('c', 100 * SECOND)],
        recentDemand: everyFiveMinutes(3),
      },
      ['drain a hour_ends'],
    ],
    [
      'is waited for with a server that will be empty in time, while others do the work',
      {
        servers: [ending('a', 3 * MINUTE, { running: busy(30 * SECOND, 1) }), makeServer('b')],
        demand: [makeGroup({ count: 1 })],
      },
      ['drain a hour_ends'],
    ],
    [
      'is not waited for where the queue needs the server',
      {
        servers: [
          ending('a', 3 * MINUTE, { running: busy(30 * SECOND) }),
          makeServer('b', { running: busy(20 * MINUTE) }),
        ],
        demand: [makeGroup({ count: 20 })],
      },
      ['create cx23@fsn1 x8 max_wait'],
    ],
    [
      'of a draining server serves again when demand returns',
      { servers: [ending('a', 3 * MINUTE, { state: 'draining' })], demand: [makeGroup()] },
      ['resume a demand_returned'],
    ],
    [
      'that has just begun under a draining server is used',
      { servers: [makeServer('a', { state: 'draining', running: busy(MINUTE, 1) })] },
      ['resume a hour_paid'],
    ],
    [
      'that will begin under a draining server anyhow is used',
      { servers: [ending('a', MINUTE, { state: 'draining', running: busy(5 * MINUTE, 1) })] },
      ['resume a hour_paid'],
    ],
  ])('%s', (_name, snapshot, expected) => {
    expect(actions(snapshot)).toEqual(expected);
  });

  test('of many servers ends with the little that is left on few of them', () => {
    const servers = Array.from({ length: 6 }, (_, index) =>
      ending(`s${index}`, 3 * MINUTE, { running: busy(2 * MINUTE) }),
    );
    const demand = [makeGroup({ count: 10, expectedMs: 2 * MINUTE })];
    const drained = actions({ servers, demand }, { maxWorkers: 6 });
    expect(drained.length).toBeGreaterThan(0);
    expect(drained.length).toBeLessThan(6);
    expect(drained.every((text) => text.startsWith('drain'))).toBe(true);
  });
});

describe('a server that is of no use', () => {
  const silent = { lastHeartbeatAtMs: NOW - 3 * MINUTE };

  test.each<[string, Partial<FleetSnapshot>, string[]]>([
    [
      'is drained when its worker is silent',
      { servers: [makeServer('a', silent)] },
      ['drain a silent'],
    ],
    [
      'is deleted once its leases have run out',
      { servers: [makeServer('a', { ...silent, state: 'draining' })] },
      ['delete a silent'],
    ],
    [
      'is not deleted before',
      { servers: [makeServer('a', { ...silent, state: 'draining', running: busy(0) })] },
      [],
    ],
    [
      'is not thought silent by who has just begun to listen',
      { servers: [makeServer('a', silent)], listeningSinceMs: NOW - MINUTE },
      [],
    ],
    [
      'is replaced',
      { servers: [makeServer('a', silent)], demand: [makeGroup()] },
      ['drain a silent', 'create cx23@fsn1 x1 nothing_serves'],
    ],
    [
      'is drained when different executions failed on it',
      { servers: [makeServer('a', { infraFailures: 3 })] },
      ['drain a bad_server'],
    ],
    ['is not judged by two', { servers: [makeServer('a', { infraFailures: 2 })] }, []],
    [
      'is deleted in the middle of its hour',
      { servers: [makeServer('a', { infraFailures: 3, state: 'draining' })] },
      ['delete a bad_server'],
    ],
    [
      'does not come back',
      {
        servers: [makeServer('a', { infraFailures: 3, state: 'draining', running: busy(MINUTE) })],
        demand: [makeGroup()],
      },
      ['create cx23@fsn1 x1 nothing_serves'],
    ],
  ])('%s', (_name, snapshot, expected) => {
    expect(actions(snapshot)).toEqual(expected);
  });
});

describe('books and cloud', () => {
  const intent = (ageMs: number) =>
    makeServer('a', { state: 'intended', createdAtMs: null, intendedAtMs: NOW - ageMs });
  const listed = (name: string, ageMs: number) => ({
    cloudId: '77',
    name,
    createdAtMs: NOW - ageMs,
    status: 'running',
    labels: {},
  });
  const deleting = (changes: Partial<Server> = {}) =>
    makeServer('a', {
      state: 'deleting',
      createdAtMs: NOW - HOUR,
      deleteTries: 1,
      deleteTriedAtMs: NOW - 3 * SECOND,
      ...changes,
    });

  test.each<[string, Partial<FleetSnapshot>, string[]]>([
    ['a young intent is waited for', { servers: [intent(10 * SECOND)] }, []],
    [
      'an intent without an answer is posted again',
      { servers: [intent(40 * SECOND)] },
      ['retry a intent_unanswered'],
    ],
    [
      'an intent that never comes true is given up',
      { servers: [intent(6 * MINUTE)] },
      ['forget a intent_expired'],
    ],
    [
      'a server whose reply was lost is adopted',
      { servers: [intent(40 * SECOND)], cloud: [listed('rgrid-a', 39 * SECOND)] },
      ['adopt a reply_lost'],
    ],
    [
      'so is one whose worker registered first',
      {
        servers: [makeServer('a', { createdAtMs: null, registeredAtMs: NOW - MINUTE })],
        cloud: [listed('rgrid-a', 2 * MINUTE)],
      },
      ['adopt a reply_lost'],
    ],
    [
      'nothing is concluded from a list that could not be read',
      {
        servers: [intent(6 * MINUTE), makeServer('b', { createdAtMs: NOW - 20 * MINUTE })],
        cloud: null,
      },
      [],
    ],
    [
      'a server that the cloud has lost is forgotten',
      { servers: [makeServer('a', { createdAtMs: NOW - 20 * MINUTE })], cloud: [] },
      ['forget a vanished'],
    ],
    ['a young one may not be listed yet', { servers: [makeServer('a')], cloud: [] }, []],
    [
      'a server that the books do not know is deleted',
      { cloud: [listed('rgrid-x', 20 * MINUTE)] },
      ['delete rgrid-x orphan'],
    ],
    ['a young one may be in the books in a moment', { cloud: [listed('rgrid-x', MINUTE)] }, []],
    ['a delete is not repeated at once', { servers: [deleting()] }, []],
    [
      'a delete is repeated',
      { servers: [deleting({ deleteTriedAtMs: NOW - 6 * SECOND })] },
      ['delete a repeat'],
    ],
    [
      'a delete is repeated less and less often',
      { servers: [deleting({ deleteTries: 9, deleteTriedAtMs: NOW - 30 * SECOND })] },
      [],
    ],
    [
      'a delete that was never tried is',
      { servers: [deleting({ deleteTries: 0, deleteTriedAtMs: null })] },
      ['delete a repeat'],
    ],
    [
      'a delete is done when the cloud no longer lists it',
      { servers: [deleting()], cloud: [] },
      ['forget a deleted'],
    ],
  ])('%s', (_name, snapshot, expected) => {
    expect(actions(snapshot)).toEqual(expected);
  });

  test('a delete that does not get through is told', () => {
    const { notices } = plan({ servers: [deleting({ deleteTries: 5 })] });
    expect(notices.map((notice) => notice.code)).toEqual(['delete_stuck']);
  });
});

describe('a budget', () => {
  const demand = [makeGroup({ count: 100, expectedMs: 30 * MINUTE })];
  // At worst a new server is alive for two hours: an execution may take an hour, after it has booted.
  const worst = 2 * 9600;

  test('bounds what is made, by what it may cost at worst', () => {
    const create = (micros: number) => actions({ demand }, { budgetMicrosPerMonth: micros });
    expect(create(3 * worst)).toEqual([
      'create cx23@fsn1 x1 nothing_serves',
      'create cx23@fsn1 x2 max_wait',
    ]);
    expect(create(worst)).toEqual(['create cx23@fsn1 x1 nothing_serves']);
    expect(create(worst - 1)).toEqual([]);
  });

  test('that leaves no room is why it waits', () => {
    const given = plan(
      { demand, budget: { committedMicros: 4_990_000 } },
      { budgetMicrosPerMonth: 5_000_000 },
    );
    expect(given.actions).toEqual([]);
    expect(given.outlooks[0]).toMatchObject({
      code: 'budget',
      message: "another server might cost €0.02, and €4.99 of this month's €5.00 are committed",
    });
    expect(given.notices.map((notice) => notice.code)).toEqual(['budget_warning']);
  });

  test('drains a server that may need an hour it has no money for', () => {
    const servers = [makeServer('a', { running: busy(MINUTE, 1) })];
    const at = (limit: number) =>
      actions(
        { servers, demand, budget: { committedMicros: 9600 } },
        { budgetMicrosPerMonth: limit },
      );
    expect(at(2 * 9600)).toEqual([]);
    expect(at(2 * 9600 - 1)).toEqual(['drain a budget']);
  });

  test('does not take a draining server back', () => {
    const servers = [makeServer('a', { state: 'draining' })];
    const at = (limit: number) =>
      actions(
        { servers, demand, budget: { committedMicros: 9600 } },
        { budgetMicrosPerMonth: limit },
      );
    expect(at(9600)).toEqual([]);
    expect(at(2 * 9600)).toContain('resume a hour_paid');
  });
});

test.each<[string, Partial<FleetSnapshot>, string, RegExp]>([
  [
    'servers boot',
    {
      demand: [makeGroup({ count: 4 })],
      servers: ['a', 'b'].map((id, index) =>
        makeServer(id, { state: 'booting', createdAtMs: NOW - (index + 1) * 20 * SECOND }),
      ),
    },
    'servers_booting',
    /^2 servers booting, oldest 41 s of about 45 s$/,
  ],
  [
    'a slot will be free',
    { demand: [makeGroup()], servers: [makeServer('a')] },
    'paid_capacity',
    /in about 0 s/,
  ],
  [
    'its batch is at its limit',
    {
      demand: [makeGroup({ count: 9, parallel: 2, active: 2 })],
      servers: [makeServer('a', { running: busy(MINUTE) })],
    },
    'parallel_limit',
    /2 of them are running/,
  ],
])('it says why what waits waits when %s', (_name, snapshot, code, message) => {
  const given = plan(snapshot);
  expect(given.actions).toEqual([]);
  expect(given.outlooks).toMatchObject([{ code, message: expect.stringMatching(message) }]);
  expect(given.outlooks[0]?.firstStartAtMs).toBeGreaterThanOrEqual(NOW);
});
