import { describe, expect, test } from 'vitest';
import type { ScriptedExchange, ScriptedReply } from '@nexus/testkit';

import { HetznerBudgetError, type Action } from '../index.ts';
import { actionJson, errorJson, START, startTestProject } from '../testing/test-project.ts';
import { ActionWatcher, pollDelayMs } from './watch-actions.ts';

const poll = (query: string, ...actions: unknown[]): ScriptedExchange => ({
  request: `GET /actions?${query}`,
  reply: { status: 200, json: { actions } },
});
const running = (...ids: number[]): Action[] => ids.map((id) => action(id, 'running'));
const success = (id: number) => actionJson(id, { status: 'success', progress: 100 });
const failure = (id: number) =>
  actionJson(id, { status: 'error', error: { code: 'action_failed', message: 'no' } });

function action(id: number, status: Action['status']): Action {
  const started = {
    startedAt: START,
    finishedAt: null,
    resources: [],
    progress: 0,
    command: 'create_server',
  };
  return { ...started, id, status, error: null };
}

test.each([
  [0, 500],
  [9, 500],
  [10, 750],
  [11, 1125],
  [12, 1688],
  [13, 2500],
  [100, 2500],
])('after %i polls the next one is in %i ms', (polls, delayMs) => {
  expect(pollDelayMs(polls)).toBe(delayMs);
});

describe('waiting for actions', () => {
  test('asks for all that still run, in one request, until they have ended', async () => {
    const { client, delaysMs } = await startTestProject([
      poll('id=1&id=2', actionJson(1), success(2)),
      poll('id=1', actionJson(1)),
      poll('id=1', success(1)),
    ]);
    expect(await client.actions.wait(running(1, 2))).toMatchObject({
      ...{ kind: 'succeeded', actions: [{ id: 2 }, { id: 1, error: null }] },
    });
    expect(delaysMs).toEqual([500, 500, 500]);
  });

  test('asks for nothing that is known already', async () => {
    const { client } = await startTestProject([]);
    expect(await client.actions.wait([])).toEqual({ kind: 'succeeded', actions: [] });
    const done = action(1, 'success');
    expect(await client.actions.wait([done])).toEqual({ kind: 'succeeded', actions: [done] });
    const failed = action(2, 'error');
    expect(await client.actions.wait([...running(1), failed])).toEqual({
      ...{ kind: 'failed', action: failed },
    });
  });

  test('ends with the first that failed', async () => {
    const { client } = await startTestProject([poll('id=1&id=2', actionJson(1), failure(2))]);
    expect(await client.actions.wait(running(1, 2))).toMatchObject({
      ...{ kind: 'failed', action: { id: 2, error: { code: 'action_failed' } } },
    });
  });

  test('ends with those that have vanished', async () => {
    const { client } = await startTestProject([poll('id=1&id=2&id=3', success(1))]);
    expect(await client.actions.wait(running(1, 2, 3))).toEqual({
      ...{ kind: 'vanished', actionIds: [2, 3] },
    });
  });

  test('asks for 25 at a time', async () => {
    const ids = Array.from({ length: 60 }, (_, i) => i + 1);
    const chunks = [ids.slice(0, 25), ids.slice(25, 50), ids.slice(50)];
    const { client } = await startTestProject(
      chunks.map((chunk) => poll(chunk.map((id) => `id=${id}`).join('&'), ...chunk.map(success))),
    );
    expect(await client.actions.wait(running(...ids))).toMatchObject({ kind: 'succeeded' });
  });

  test('of two callers costs no more than one, and each gets its own', async () => {
    const { client } = await startTestProject([
      poll('id=1&id=2', success(1), actionJson(2)),
      poll('id=2', failure(2)),
    ]);
    const [one, two] = await Promise.all([
      client.actions.wait(running(1)),
      client.actions.wait(running(1, 2)),
    ]);
    expect([one.kind, two.kind]).toEqual(['succeeded', 'failed']);
  });

  test('ends at the deadline with those that still run', async () => {
    const { client, delaysMs } = await startTestProject([
      poll('id=1&id=2', success(1), actionJson(2)),
      poll('id=2', actionJson(2)),
    ]);
    const deadline = new Date(START.getTime() + 1200);
    expect(await client.actions.wait(running(1, 2), { deadline })).toEqual({
      ...{ kind: 'expired', actionIds: [2] },
    });
    expect(delaysMs).toEqual([500, 500, 200]);
  });

  test('ends at the deadline even if the API does not answer', async () => {
    let sleptMs = 0;
    const now = () => new Date(Date.now() + sleptMs);
    const { client } = await startTestProject([{ request: 'GET /actions?id=1', reply: 'silent' }], {
      now,
      sleep: async (delayMs) => (sleptMs += delayMs),
    });
    const deadline = new Date(now().getTime() + 560);
    expect(await client.actions.wait(running(1), { deadline })).toMatchObject({ kind: 'expired' });
  });

  test('fails if the API cannot be asked, and can be done again', async () => {
    const { client } = await startTestProject([
      {
        request: 'GET /actions?id=1',
        reply: { status: 401, json: errorJson('unauthorized') },
      },
      poll('id=1', success(1)),
    ]);
    await expect(client.actions.wait(running(1))).rejects.toThrow('unauthorized');
    expect(await client.actions.wait(running(1))).toMatchObject({ kind: 'succeeded' });
  });

  test('goes on when there are requests to spend again', async () => {
    const spent: ScriptedReply = {
      status: 200,
      json: { actions: [actionJson(1)] },
      headers: { 'ratelimit-limit': '3600', 'ratelimit-remaining': '200' },
    };
    const { client, delaysMs } = await startTestProject([
      { request: 'GET /actions?id=1', reply: spent },
      poll('id=1', success(1)),
    ]);
    expect(await client.actions.wait(running(1))).toMatchObject({ kind: 'succeeded' });
    // 217 are needed: 17 s, less the half second that had passed when it was refused.
    expect(delaysMs).toEqual([500, 500, 16_500]);
  });

  test('of one caller ends when its signal aborts, and that of the others goes on', async () => {
    const controller = new AbortController();
    const { client } = await startTestProject([poll('id=2', success(2))]);
    const one = client.actions.wait(running(1), { signal: controller.signal });
    const two = client.actions.wait(running(2));
    controller.abort(new Error('enough'));
    await expect(one).rejects.toThrow('enough');
    expect(await two).toMatchObject({ kind: 'succeeded' });
  });

  test('ends when its signal aborts during a poll', async () => {
    const controller = new AbortController();
    const { client, server } = await startTestProject([
      { request: 'GET /actions?id=1', reply: 'silent' },
    ]);
    const wait = client.actions.wait(running(1), { signal: controller.signal });
    const ended = expect(wait).rejects.toThrow('enough');
    await server.whenSeen(1);
    controller.abort(new Error('enough'));
    await ended;
  });

  test('does not begin if its signal has aborted', async () => {
    const { client } = await startTestProject([]);
    const signal = AbortSignal.abort(new Error('over'));
    await expect(client.actions.wait(running(1), { signal })).rejects.toThrow('over');
  });
});

describe('a watcher', () => {
  test('does not let a new caller wait for the long sleep of others', async () => {
    const longSleep = Promise.withResolvers<undefined>();
    let nowMs = START.getTime();
    let polls = 0;
    const watcher = new ActionWatcher({
      now: () => new Date(nowMs),
      // Short sleeps are over at once; a long one goes on until somebody ends it.
      sleep: async (delayMs, signal) => {
        if (delayMs <= 2500) return (nowMs += delayMs);
        longSleep.resolve(undefined);
        return new Promise((resolve) => signal?.addEventListener('abort', resolve));
      },
      fetchActions: async (ids) => {
        polls += 1;
        if (polls === 1) throw new HetznerBudgetError('GET /actions', new Date(nowMs + 60_000));
        return ids.map((id) => action(id, 'success'));
      },
    });
    const one = watcher.wait(running(1));
    await longSleep.promise;
    const two = watcher.wait(running(2));
    expect(await two).toMatchObject({ kind: 'succeeded' });
    expect(await one).toMatchObject({ kind: 'succeeded' });
  });

  test('ends its question when nobody waits for the answer any more', async () => {
    const controller = new AbortController();
    const asked = Promise.withResolvers<AbortSignal | undefined>();
    let nowMs = START.getTime();
    const watcher = new ActionWatcher({
      now: () => new Date(nowMs),
      sleep: async (delayMs) => (nowMs += delayMs),
      fetchActions: (_ids, { signal }) => {
        asked.resolve(signal);
        return new Promise((_resolve, reject) => signal?.addEventListener('abort', reject));
      },
    });
    const wait = watcher.wait(running(1), { signal: controller.signal });
    const ended = expect(wait).rejects.toThrow('enough');
    const question = await asked.promise;
    controller.abort(new Error('enough'));
    await ended;
    expect(question?.aborted).toBe(true);
  });
});

test('actions can be read one by one', async () => {
  const { client } = await startTestProject([
    { request: 'GET /actions/3', reply: { status: 200, json: { action: success(3) } } },
    {
      request: 'GET /actions/4',
      reply: { status: 200, json: { action: actionJson(4, { status: 'error', error: null }) } },
    },
  ]);
  expect(await client.actions.get(3)).toMatchObject({ id: 3, status: 'success' });
  expect(await client.actions.get(4)).toMatchObject({ error: { code: 'action_failed' } });
});
