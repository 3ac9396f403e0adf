import fc from 'fast-check';
import { expect, test } from 'vitest';

import { waitingSchema } from './contract/index.ts';
import { explainWaiting, type WaitingSnapshot } from './waiting.ts';

const GB = 1024 ** 3;
const NOW = new Date('2026-11-21T10:00:00Z');
const WORKER = {
  isDraining: false,
  slots: 4,
  busy: 0,
  cpus: 4,
  memoryBytes: 8 * GB,
  offers: ['driver:bubblewrap'],
};
const BATCH = {
  parallel: 1_000_000,
  active: 0,
  cpus: 1,
  memoryBytes: GB,
  requires: [] as string[],
};

function explain(changes: Partial<WaitingSnapshot>) {
  return explainWaiting(
    {
      state: 'queued',
      batch: BATCH,
      workers: [WORKER],
      executionsAhead: 0,
      medianMs: null,
      outlook: null,
      ...changes,
    },
    NOW,
  );
}

// Row 35.
test.each<[string, Partial<WaitingSnapshot>, string, RegExp]>([
  ['its files are missing', { state: 'uploading' }, 'uploading_files', /uploaded/],
  ['there is no worker', { workers: [] }, 'no_worker', /no worker is connected/],
  [
    'all workers drain',
    { workers: [{ ...WORKER, isDraining: true }] },
    'workers_draining',
    /finishing/,
  ],
  [
    'none offers what it needs',
    { batch: { ...BATCH, requires: ['driver:docker'] } },
    'no_worker_fits',
    /offers docker$/,
  ],
  [
    'none offers all it needs',
    { batch: { ...BATCH, requires: ['driver:docker', 'driver:bubblewrap'] } },
    'no_worker_fits',
    /docker and bubblewrap/,
  ],
  [
    'only a draining one fits',
    { batch: { ...BATCH, cpus: 8 }, workers: [WORKER, { ...WORKER, cpus: 16, isDraining: true }] },
    'no_worker_fits',
    /8 CPUs; the largest worker has 4/,
  ],
  ['none has the processors', { batch: { ...BATCH, cpus: 4.5 } }, 'no_worker_fits', /4\.5 CPUs/],
  [
    'none has the memory',
    { batch: { ...BATCH, memoryBytes: 64 * GB } },
    'no_worker_fits',
    /68\.7 GB of memory; the largest worker has 8\.6 GB/,
  ],
  [
    'no single one has both',
    {
      batch: { ...BATCH, cpus: 8, memoryBytes: 32 * GB },
      workers: [
        { ...WORKER, cpus: 8 },
        { ...WORKER, memoryBytes: 32 * GB },
      ],
    },
    'no_worker_fits',
    /memory/,
  ],
  [
    'its batch is at its limit',
    { batch: { ...BATCH, parallel: 2, active: 2 } },
    'parallel_limit',
    /2 of its batch are running.*--parallel/,
  ],
  [
    'others are before it',
    { executionsAhead: 14, workers: [{ ...WORKER, busy: 4 }] },
    'behind_others',
    /14 ahead of it; 4 of 4 slots are busy/,
  ],
  ['all slots are busy', { workers: [{ ...WORKER, busy: 4 }] }, 'behind_others', /0 ahead/],
  ['nothing is in its way', {}, 'starting_soon', /about to/],
])('when %s', (_name, changes, code, message) => {
  expect(explain(changes)).toMatchObject({ code, message: expect.stringMatching(message) });
});

test.each([
  [
    { executionsAhead: 7, medianMs: 60_000, workers: [{ ...WORKER, busy: 4 }] },
    '2026-11-21T10:02:00.000Z',
  ],
  [
    { executionsAhead: 8, medianMs: 60_000, workers: [{ ...WORKER, busy: 4 }] },
    '2026-11-21T10:03:00.000Z',
  ],
  [
    { executionsAhead: 3, medianMs: 1000, batch: { ...BATCH, parallel: 2, active: 2 } },
    '2026-11-21T10:00:02.000Z',
  ],
  [{ executionsAhead: 3, medianMs: null, workers: [{ ...WORKER, busy: 4 }] }, null],
  [{}, '2026-11-21T10:00:00.000Z'],
  [{ workers: [] }, null],
])('%o is guessed to start at %s', (changes, until) => {
  expect(explain(changes)?.until).toBe(until);
});

test('what waits always has a reason that fits the contract, what does not wait has none', () => {
  const worker = fc.record({
    isDraining: fc.boolean(),
    slots: fc.integer({ min: 1, max: 8 }),
    busy: fc.nat(8),
    cpus: fc.integer({ min: 1, max: 8 }),
    memoryBytes: fc.integer({ min: 1, max: 8 }),
    offers: fc.subarray(['driver:docker', 'driver:process']),
  });
  const snapshot = fc.record({
    state: fc.constantFrom(
      'uploading' as const,
      'queued' as const,
      'leased' as const,
      'running' as const,
      'succeeded' as const,
      'lost' as const,
    ),
    batch: fc.record({
      parallel: fc.integer({ min: 1, max: 4 }),
      active: fc.nat(4),
      cpus: fc.integer({ min: 1, max: 9 }),
      memoryBytes: fc.integer({ min: 1, max: 9 }),
      requires: fc.subarray(['driver:docker']),
    }),
    workers: fc.array(worker, { maxLength: 3 }),
    executionsAhead: fc.nat(20),
    medianMs: fc.option(fc.nat(100_000)),
    outlook: fc.option(
      fc.record({
        key: fc.constant('b1'),
        code: fc.constantFrom(
          'servers_booting' as const,
          'paid_capacity' as const,
          'parallel_limit' as const,
          'budget' as const,
        ),
        message: fc.constant('said by the scaling'),
        firstStartAtMs: fc.option(fc.constant(NOW.getTime())),
        lastStartAtMs: fc.option(fc.constant(NOW.getTime())),
      }),
    ),
  });
  fc.assert(
    fc.property(snapshot, (given) => {
      const waiting = explainWaiting(given, NOW);
      const isWaiting = given.state === 'queued' || given.state === 'uploading';
      expect(isWaiting ? waitingSchema.safeParse(waiting).success : waiting === null).toBe(true);
    }),
  );
});

const OUTLOOK = {
  key: 'b1',
  code: 'servers_booting' as const,
  message: '3 servers booting, oldest 41 s of about 75 s',
  firstStartAtMs: NOW.getTime() + 34_000,
  lastStartAtMs: NOW.getTime() + 90_000,
};

test.each<[string, Partial<WaitingSnapshot>]>([
  ['there is no worker', { workers: [] }],
  ['none is large enough', { batch: { ...BATCH, cpus: 8 } }],
  ['all slots are busy', { workers: [{ ...WORKER, busy: 4 }] }],
])('when %s, the scaling of servers says why and until when', (_name, changes) => {
  expect(explain({ ...changes, outlook: OUTLOOK })).toMatchObject({
    code: 'servers_booting',
    message: OUTLOOK.message,
    until: '2026-11-21T10:00:34.000Z',
  });
  expect(explain({ ...changes, executionsAhead: 3, outlook: OUTLOOK })).toMatchObject({
    until: '2026-11-21T10:01:30.000Z',
  });
});

test('what more servers would not change is explained as ever', () => {
  const limited = { batch: { ...BATCH, parallel: 2, active: 2 }, outlook: OUTLOOK };
  expect(explain(limited)?.code).toBe('parallel_limit');
  expect(explain({ state: 'uploading', outlook: OUTLOOK })?.code).toBe('uploading_files');
  const served = { workers: [{ ...WORKER, busy: 4 }], medianMs: 1000 };
  const paid = { ...OUTLOOK, code: 'paid_capacity' as const };
  expect(explain({ ...served, outlook: paid })?.code).toBe('behind_others');
});
