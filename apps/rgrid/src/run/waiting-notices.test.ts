import type { Execution } from '@nexus/grid/contract';
import { expect, it } from 'vitest';

import { executionOf } from '../testing/fake-execution.ts';
import { giveWaitingNotices } from './waiting-notices.ts';

const base = {
  id: 'k000000000aa-0',
  batchId: 'k000000000aa',
  index: 0,
  label: 'x',
  script: 'x',
  args: [],
  input: null,
};

function waiting(message: string): Execution {
  const reason = { code: 'behind_others', message, executionsAhead: 1, until: null } as const;
  return { ...executionOf({ ...base, state: 'queued' }), waiting: reason };
}

it('says why a run waits, each reason once, until it has ended', async () => {
  const states = [
    waiting('no worker is connected'),
    waiting('no worker is connected'),
    waiting('2 ahead of it'),
    executionOf({ ...base, state: 'leased' }),
    executionOf({ ...base, state: 'running' }),
    executionOf({ ...base, state: 'succeeded' }),
  ];
  const said: string[] = [];
  await giveWaitingNotices({
    getExecution: async () => states.shift() ?? executionOf({ ...base, state: 'succeeded' }),
    say: async (text) => void said.push(text),
    firstMs: 1,
    everyMs: 1,
    signal: new AbortController().signal,
  });
  expect(said).toEqual([
    'k000000000aa-0 is waiting: no worker is connected',
    'k000000000aa-0 is waiting: 2 ahead of it',
    'k000000000aa-0 is getting ready on worker-1',
  ]);
});

it('says nothing of a run that starts soon enough', async () => {
  const started = new AbortController();
  const said: string[] = [];
  const notices = giveWaitingNotices({
    getExecution: async () => waiting('anything'),
    say: async (text) => void said.push(text),
    firstMs: 60_000,
    everyMs: 60_000,
    signal: started.signal,
  });
  started.abort();
  await notices;
  expect(said).toEqual([]);
});
