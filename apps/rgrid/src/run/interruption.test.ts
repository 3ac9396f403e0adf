import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import type { Context } from '../context.ts';
import { Output } from '../terminal/output.ts';
import { Screen } from '../terminal/screen.ts';
import { Interruption, type InterruptChoice } from './interruption.ts';

function interrupt(answers: InterruptChoice[] | undefined) {
  const output = new Output(new PassThrough().resume(), {});
  let send: (signal: 'SIGINT' | 'SIGTERM') => void = () => undefined;
  const context: Context = {
    env: {},
    cwd: '/',
    home: '/',
    stdin: { fd: 0, isTerminal: answers !== undefined },
    stdout: output,
    stderr: output,
    signals: {
      listen: (listener) => {
        send = listener;
        return () => undefined;
      },
    },
  };
  let asked = 0;
  const pending: ((choice: InterruptChoice) => void)[] = [];
  const ask = (signal: AbortSignal) => {
    asked += 1;
    return new Promise<InterruptChoice>((done) => {
      pending.push(done);
      signal.addEventListener('abort', () => done('cancel'));
    });
  };
  const screen = new Screen({ stdout: output, stderr: output, isQuiet: false });
  const interruption = new Interruption({ context, screen, ask: answers ? ask : undefined });
  return {
    interruption,
    screen,
    send: (signal: 'SIGINT' | 'SIGTERM') => send(signal),
    answer: async () => {
      while (pending.length === 0) await new Promise((done) => setImmediate(done));
      pending.shift()?.(answers?.shift() ?? 'cancel');
      await new Promise((done) => setImmediate(done));
      await new Promise((done) => setImmediate(done));
    },
    seen: () => ({
      asked,
      isDetached: interruption.detached.aborted,
      isCancelled: interruption.cancelled.aborted,
    }),
  };
}

describe('Ctrl-C', () => {
  it('cancels at once where nobody can be asked', () => {
    const { send, seen } = interrupt(undefined);
    send('SIGINT');
    expect(seen()).toEqual({ asked: 0, isDetached: false, isCancelled: true });
  });

  it.each<[InterruptChoice, boolean, boolean]>([
    ['detach', true, false],
    ['cancel', false, true],
    ['continue', false, false],
  ])('asks, and the answer %s counts', async (choice, isDetached, isCancelled) => {
    const { send, answer, seen } = interrupt([choice]);
    send('SIGINT');
    await answer();
    expect(seen()).toEqual({ asked: 1, isDetached, isCancelled });
  });

  it('cancels when it comes again before there is an answer', () => {
    const { send, seen } = interrupt(['detach']);
    send('SIGINT');
    send('SIGINT');
    expect(seen()).toMatchObject({ isCancelled: true });
  });

  it('takes the question back when it comes again, so that the rest is printed', async () => {
    const { send, screen, seen } = interrupt(['continue']);
    send('SIGINT');
    await new Promise((done) => setImmediate(done));
    send('SIGINT');
    await screen.settle();
    expect(seen()).toEqual({ asked: 1, isDetached: false, isCancelled: true });
  });

  it('asks again after the answer to go on', async () => {
    const { send, answer, seen } = interrupt(['continue', 'detach']);
    send('SIGINT');
    await answer();
    send('SIGINT');
    await answer();
    expect(seen()).toEqual({ asked: 2, isDetached: true, isCancelled: false });
  });
});

it('SIGTERM cancels without a question', () => {
  const { send, seen } = interrupt(['detach']);
  send('SIGTERM');
  expect(seen()).toEqual({ asked: 0, isDetached: false, isCancelled: true });
});
