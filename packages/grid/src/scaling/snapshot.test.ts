import { expect, test } from 'vitest';

import { DEFAULT_SCALING_POLICY } from './policy.ts';
import { SERVER_STATES, SERVER_TRANSITIONS, type ServerState } from './snapshot.ts';

function reachable(from: ServerState): Set<ServerState> {
  const seen = new Set<ServerState>();
  const open: ServerState[] = [from];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const next of SERVER_TRANSITIONS[state]) {
      if (!seen.has(next)) open.push(next);
      seen.add(next);
    }
  }
  return seen;
}

test('every server can get to gone, and nothing comes back from there', () => {
  for (const state of SERVER_STATES) expect(reachable(state).has('gone')).toBe(state !== 'gone');
});

test('once a server is being deleted it takes no work again', () => {
  expect([...reachable('deleting')]).toEqual(['gone']);
});

test('a server with work is drained before it is deleted', () => {
  expect(SERVER_TRANSITIONS.active).not.toContain('deleting');
});

test('the default window for deletion has room for several plans', () => {
  const { deleteWindowMs, tickMs } = DEFAULT_SCALING_POLICY;
  expect(deleteWindowMs).toBeGreaterThan(5 * tickMs);
});
