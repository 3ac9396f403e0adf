import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createTestDatabase, type TestDatabase } from '@nexus/testkit';

import { Signals, type Topic } from './signals.ts';

let own: TestDatabase;
let here: Signals;
let there: Signals;

beforeAll(async () => {
  own = await createTestDatabase();
  here = new Signals(own.database, own.url);
  there = new Signals(own.database, own.url);
  // What is said before the other listens is lost: said until it is heard.
  for (const [speaker, listener] of [
    [here, there],
    [there, here],
  ] as const) {
    const timer = setInterval(() => speaker.notify('queue'), 20);
    await wait(listener, ['worker:ready', 'queue']);
    clearInterval(timer);
  }
});

afterAll(async () => {
  await here.close();
  await there.close();
  await own.drop();
});

/** So long that only a signal can end it before the test is given up. */
const LONG_MS = 600_000;

function wait(
  signals: Signals,
  topics: Topic[],
  abort: AbortSignal = new AbortController().signal,
): Promise<void> {
  return signals.wait(topics, LONG_MS, abort);
}

describe('a waiter', () => {
  test('is woken here and in other processes, by any of its topics', async () => {
    const waiting = [
      wait(here, ['queue', 'worker:w']),
      wait(there, ['batch:b', 'worker:w']),
      wait(there, ['execution:e']),
    ];
    here.notify('worker:w', 'execution:e');
    await Promise.all(waiting);
  });

  test('is not woken by what it did not ask for', async () => {
    const controller = new AbortController();
    let isWoken = false;
    const waiting = wait(there, ['batch:b'], controller.signal).then(() => (isWoken = true));
    here.notify('batch:other', 'queue');
    there.notify('batch:other');
    // What was said after it arrives after it.
    const after = wait(there, ['worker:after']);
    here.notify('worker:after');
    await after;
    expect(isWoken).toBe(false);
    controller.abort();
    await waiting;
  });

  test('ends when its time is up, when it is aborted, and at once when it was', async () => {
    await here.wait(['queue'], 5, new AbortController().signal);
    const controller = new AbortController();
    const waiting = wait(here, ['queue'], controller.signal);
    controller.abort();
    await waiting;
    await wait(here, ['queue'], AbortSignal.abort());
  });

  test('many of them, and none left behind', async () => {
    const { signal } = new AbortController();
    const waiting = Array.from({ length: 500 }, (_, n) => wait(here, [`batch:${n % 5}`], signal));
    here.notify('batch:0', 'batch:1', 'batch:2', 'batch:3', 'batch:4');
    await Promise.all(waiting);
  });
});

test('a signal said many times in one moment is said once', async () => {
  const heard = wait(there, ['execution:last']);
  for (let n = 0; n < 1000; n += 1) here.notify('execution:many', `execution:${n % 10}`);
  here.notify('execution:last');
  await heard;
});

test('after a cut of the connection everybody is woken to look for himself', async () => {
  const waiting = wait(there, ['batch:nobody-will-say']);
  await own.database.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'nexus-listen' and datname = current_database()",
  );
  await waiting;
});

test('closing wakes everybody', async () => {
  const third = new Signals(own.database, own.url);
  const waiting = wait(third, ['queue']);
  await third.close();
  await waiting;
});
