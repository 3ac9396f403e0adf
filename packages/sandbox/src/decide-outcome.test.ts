import { expect, test } from 'vitest';
import { decideOutcome, type OutcomeFacts } from './decide-outcome.ts';

const fine: OutcomeFacts = {
  stopReason: null,
  isReady: true,
  launcherError: '',
  exitCode: 0,
  oomKills: 0,
  isDiskExceeded: false,
};

test.each<[string, Partial<OutcomeFacts>, object]>([
  ['a clean end', {}, { kind: 'exited', exitCode: 0 }],
  ['a failure', { exitCode: 3 }, { kind: 'exited', exitCode: 3 }],
  ['a timeout, even if the script then says 0', { stopReason: 'timed_out' }, { kind: 'timed_out' }],
  [
    'a cancellation before an OOM kill',
    { stopReason: 'cancelled', oomKills: 1, exitCode: 137 },
    { kind: 'cancelled' },
  ],
  ['an OOM kill', { oomKills: 1, exitCode: 137 }, { kind: 'out_of_memory' }],
  ['an OOM kill the script survived', { oomKills: 1 }, { kind: 'exited', exitCode: 0 }],
  [
    'an OOM kill of the launcher',
    { oomKills: 1, exitCode: 137, isReady: false },
    { kind: 'out_of_memory' },
  ],
  ['a script killed by somebody', { exitCode: 137 }, { kind: 'exited', exitCode: 137 }],
  [
    'a launcher that gave up',
    { isReady: false, exitCode: 125, launcherError: ' no mount\n' },
    { kind: 'not_started', reason: 'no mount' },
  ],
  ['a file-size signal', { exitCode: 153 }, { kind: 'disk_full' }],
  ['a full disk', { exitCode: 1, isDiskExceeded: true }, { kind: 'disk_full' }],
])('tells %s', (_, facts, outcome) => {
  expect(decideOutcome({ ...fine, ...facts })).toEqual(outcome);
});

test('has a reason even when the launcher said nothing', () => {
  const outcome = decideOutcome({ ...fine, isReady: false, exitCode: 125 });
  expect(outcome).toEqual({ kind: 'not_started', reason: expect.stringContaining('code 125') });
});
