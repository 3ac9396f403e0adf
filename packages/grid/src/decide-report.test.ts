import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { EXECUTION_STATES, type AttemptOutcome, type ReportItem } from './contract/index.ts';
import {
  decideLost,
  decideReport,
  type ReportedExecution,
  type ReportPolicy,
} from './decide-report.ts';
import { isTerminal, TERMINAL_STATES, TRANSITIONS } from './states.ts';

const EXECUTION: ReportedExecution = {
  state: 'running',
  workerId: 'w',
  epoch: 3,
  retriesUsed: 0,
  timesLost: 0,
  isCancelRequested: false,
};
const POLICY: ReportPolicy = { workerId: 'w', retries: 0, maxTimesLost: 2 };
const REF = { executionId: 'abcdefghijkl-0', epoch: 3 };

function finished(outcome: AttemptOutcome): ReportItem {
  const logs = { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 };
  const usage = { wallMs: null, cpuMs: null, maxMemoryBytes: null };
  return {
    ...REF,
    kind: 'finished',
    outcome,
    exitCode: null,
    reason: null,
    sandbox: '',
    outputs: null,
    logs,
    usage,
  };
}

const RUNNING: ReportItem = { ...REF, kind: 'running', sandbox: 'process', startedMsAgo: 0 };
const PUBLISHING: ReportItem = { ...REF, kind: 'publishing' };
const RELEASED: ReportItem = { ...REF, kind: 'released' };
const BROKEN: ReportItem = { ...REF, kind: 'worker_failed', reason: 'no disk' };
const ITEMS = [
  RUNNING,
  PUBLISHING,
  RELEASED,
  BROKEN,
  finished('succeeded'),
  finished('failed'),
  finished('cancelled'),
];

describe.each(ITEMS.map((item) => [item.kind, item] as const))('the word %s', (_kind, item) => {
  test.each([
    ['of another worker', { workerId: 'other' }],
    ['of nobody', { workerId: null }],
    ['under an older epoch', { epoch: 4 }],
    ['under an epoch to come', { epoch: 2 }],
    ['on what waits again', { state: 'queued' as const }],
    ['on what is still uploaded', { state: 'uploading' as const }],
  ])('%s is refused', (_name, changes) => {
    expect(decideReport({ ...EXECUTION, ...changes }, item, POLICY)).toEqual({ kind: 'refuse' });
  });

  test.each(TERMINAL_STATES)('on what is %s already is taken as a repetition', (state) => {
    expect(decideReport({ ...EXECUTION, state }, item, POLICY)).toEqual({ kind: 'repeat' });
  });
});

test.each([
  ['leased', RUNNING, { kind: 'advance', state: 'running' }],
  ['running', RUNNING, { kind: 'repeat' }],
  ['publishing', RUNNING, { kind: 'repeat' }],
  ['leased', PUBLISHING, { kind: 'advance', state: 'publishing' }],
  ['running', PUBLISHING, { kind: 'advance', state: 'publishing' }],
  ['publishing', PUBLISHING, { kind: 'repeat' }],
  ['leased', finished('failed'), { kind: 'finish', state: 'failed', outcome: 'failed' }],
  ['running', finished('succeeded'), { kind: 'finish', state: 'succeeded', outcome: 'succeeded' }],
  [
    'publishing',
    finished('timed_out'),
    { kind: 'finish', state: 'timed_out', outcome: 'timed_out' },
  ],
  ['leased', RELEASED, { kind: 'requeue', outcome: 'released', retriesUsed: 0, timesLost: 0 }],
  ['running', BROKEN, { kind: 'requeue', outcome: 'lost', retriesUsed: 0, timesLost: 1 }],
] as const)('%s and then %o', (state, item, decision) => {
  expect(decideReport({ ...EXECUTION, state }, item, POLICY)).toEqual(decision);
});

describe('retries', () => {
  test.each([
    [0, 0, 'finish'],
    [1, 0, 'requeue'],
    [1, 1, 'finish'],
    [3, 2, 'requeue'],
  ])('%i asked for, %i used: %s', (retries, retriesUsed, kind) => {
    for (const outcome of ['failed', 'timed_out', 'out_of_memory'] as const) {
      expect(
        decideReport({ ...EXECUTION, retriesUsed }, finished(outcome), { ...POLICY, retries }),
      ).toMatchObject({ kind, outcome });
    }
  });

  test('are for scripts that fail, not for those that succeed or were cancelled', () => {
    for (const outcome of ['succeeded', 'cancelled'] as const) {
      expect(decideReport(EXECUTION, finished(outcome), { ...POLICY, retries: 9 })).toMatchObject({
        kind: 'finish',
        state: outcome,
      });
    }
  });

  test('end with a cancellation', () => {
    const cancelled = { ...EXECUTION, isCancelRequested: true };
    expect(decideReport(cancelled, finished('failed'), { ...POLICY, retries: 9 })).toMatchObject({
      kind: 'finish',
      state: 'failed',
    });
  });
});

test.each([
  [0, 2, 'queued'],
  [1, 2, 'queued'],
  [2, 2, 'lost'],
  [0, 0, 'lost'],
])('lost %i times of %i: %s', (timesLost, maxTimesLost, state) => {
  const decision = decideLost({ ...EXECUTION, timesLost, retriesUsed: 1 }, maxTimesLost);
  const expected = { kind: 'requeue', outcome: 'lost', retriesUsed: 1, timesLost: timesLost + 1 };
  expect(decision).toEqual(
    state === 'queued' ? expected : { kind: 'finish', state: 'lost', outcome: 'lost' },
  );
});

test('no word leads where the table of states does not', () => {
  fc.assert(
    fc.property(
      fc.record({
        state: fc.constantFrom(...EXECUTION_STATES),
        workerId: fc.constantFrom('w', 'other', null),
        epoch: fc.constantFrom(2, 3, 4),
        retriesUsed: fc.nat(3),
        timesLost: fc.nat(3),
        isCancelRequested: fc.boolean(),
      }),
      fc.constantFrom(...ITEMS),
      fc.record({ workerId: fc.constant('w'), retries: fc.nat(3), maxTimesLost: fc.nat(3) }),
      (execution, item, policy) => {
        const decision = decideReport(execution, item, policy);
        if (decision.kind === 'refuse') return;
        expect([execution.workerId, execution.epoch]).toEqual(['w', 3]);
        if (decision.kind === 'repeat') return;
        const next = decision.kind === 'requeue' ? 'queued' : decision.state;
        expect(TRANSITIONS[execution.state]).toContain(next);
        if (decision.kind === 'requeue')
          expect(
            decision.retriesUsed + decision.timesLost - execution.retriesUsed - execution.timesLost,
          ).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test('what can end does, and an end has no way out', () => {
  expect(TERMINAL_STATES).toEqual([
    'succeeded',
    'failed',
    'timed_out',
    'out_of_memory',
    'cancelled',
    'lost',
  ]);
  for (const state of EXECUTION_STATES)
    expect(isTerminal(state)).toBe(TERMINAL_STATES.includes(state));
});
