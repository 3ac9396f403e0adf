import assert from 'node:assert/strict';
import { once } from 'node:events';
import { eventually, type ContractCase } from './contract-case.ts';
import { listProcessesWith, uniqueSleep } from './host-processes.ts';
import { finish } from './room.ts';

const MEGABYTE = 1024 * 1024;

const endings: ContractCase[] = [
  {
    name: 'ends a script that takes too long, letting it say goodbye',
    async run(room) {
      const script = `trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done`;
      const { exit, stdout } = await room.sh(script, {
        limits: { timeoutMs: 400 },
        killGraceMs: 5_000,
      });
      assert.deepEqual(exit.outcome, { kind: 'timed_out' });
      assert.equal(stdout.toString(), 'ready\nbye\n');
      assert.ok(exit.wallMs < 4_000, `took ${exit.wallMs} ms`);
    },
  },
  {
    name: 'kills a script that ignores SIGTERM within the grace',
    async run(room) {
      const script = `trap '' TERM; while :; do sleep 0.05; done`;
      const { exit } = await room.sh(script, { limits: { timeoutMs: 200 }, killGraceMs: 200 });
      assert.deepEqual(exit.outcome, { kind: 'timed_out' });
      assert.ok(exit.wallMs >= 400 && exit.wallMs < 3_000, `took ${exit.wallMs} ms`);
    },
  },
  {
    name: 'cancels, once and however often it is asked',
    async run(room) {
      const running = await room.start(['/bin/sh', '-c', 'echo up; exec sleep 100']);
      await once(running.stdout, 'readable');
      running.cancel();
      running.cancel();
      assert.deepEqual((await finish(running)).exit.outcome, { kind: 'cancelled' });
      running.cancel();
    },
  },
  {
    name: 'can be cancelled at any moment of the start',
    async run(room) {
      for (const delayMs of [0, 1, 2, 3, 5, 8, 12]) {
        const running = await room.start(['sleep', '100'], { killGraceMs: 50 });
        setTimeout(() => running.cancel(), delayMs);
        const { exit } = await finish(running);
        assert.deepEqual(exit.outcome, { kind: 'cancelled' });
      }
    },
  },
  {
    name: 'takes children left behind with it, whatever they hold open',
    async run(room) {
      const mark = uniqueSleep();
      const script = `sleep ${mark} & (trap '' TERM HUP; sleep ${mark}) & echo left`;
      const { exit, stdout } = await room.sh(script);
      assert.deepEqual(exit.outcome, { kind: 'exited', exitCode: 0 });
      assert.equal(stdout.toString(), 'left\n');
      assert.deepEqual(listProcessesWith(`sleep ${mark}`), []);
    },
  },
  {
    name: 'takes daemons that left their session with it',
    async run(room) {
      const mark = uniqueSleep();
      // Without a cgroup a daemon is known once it was seen, so the script lives a few looks long.
      const script = `(setsid sh -c 'sleep ${mark} & sleep ${mark}' >/dev/null 2>&1 &) ; sleep 0.4; exit 5`;
      const { exit } = await room.sh(script);
      assert.deepEqual(exit.outcome, { kind: 'exited', exitCode: 5 });
      assert.deepEqual(listProcessesWith(`sleep ${mark}`), []);
    },
  },
];

const resources: ContractCase[] = [
  {
    name: 'tells running out of memory from failing',
    async run(room) {
      const hog = 'const all = []; for (;;) all.push(Buffer.alloc(4 << 20, 1));';
      const { exit } = await room.node(hog, { limits: { memoryBytes: 200 * MEGABYTE } });
      assert.deepEqual(exit.outcome, { kind: 'out_of_memory' });
    },
  },
  {
    name: 'holds a fork bomb until its time is over, and leaves nothing of it',
    async run(room) {
      const mark = uniqueSleep();
      const bomb = `while :; do sleep ${mark} & done 2>/dev/null`;
      const running = await room.start(['/bin/sh', '-c', bomb], {
        limits: { processes: 40, timeoutMs: 1_000 },
      });
      const result = finish(running);
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, listProcessesWith(`sleep ${mark}`).length);
      }, 100);
      const { exit } = await result;
      clearInterval(watch);
      // dash gives up when it cannot fork, other shells go on until the time is over.
      assert.ok(['timed_out', 'exited'].includes(exit.outcome.kind), exit.outcome.kind);
      assert.ok(most <= 60, `${most} processes at once`);
      assert.deepEqual(listProcessesWith(`sleep ${mark}`), []);
    },
  },
  {
    name: 'ends a script that fills the disk with one large file',
    async run(room) {
      const script = 'while :; do head -c 8388608 /dev/zero; done > big; exit 0';
      const { exit } = await room.sh(script, { limits: { diskBytes: 40 * MEGABYTE } });
      assert.deepEqual(exit.outcome, { kind: 'disk_full' });
    },
  },
  {
    name: 'ends a script that fills the disk with many files',
    async run(room) {
      const script = 'i=0; while :; do i=$((i+1)); head -c 4194304 /dev/zero > f$i; done';
      const { exit } = await room.sh(script, { limits: { diskBytes: 60 * MEGABYTE } });
      assert.deepEqual(exit.outcome, { kind: 'disk_full' });
    },
  },
  {
    name: 'does not count what was there before against the disk limit',
    async run(room) {
      room.write('input.bin', Buffer.alloc(30 * MEGABYTE, 7));
      const script =
        'cat input.bin >/dev/null; echo more >> input.bin; chmod 600 input.bin; sleep 0.3; echo x > y';
      const { exit } = await room.sh(script, { limits: { diskBytes: 32 * MEGABYTE } });
      assert.deepEqual(exit.outcome, { kind: 'exited', exitCode: 0 });
    },
  },
  {
    name: 'stops the script when nobody reads its output',
    async run(room) {
      const running = await room.start(['/bin/sh', '-c', 'yes; echo end >&2']);
      await once(running.stdout, 'readable');
      const before = process.memoryUsage().rss;
      let last = -1;
      await eventually('the output stops growing', () => {
        const same = running.stdout.readableLength === last;
        last = running.stdout.readableLength;
        return same && last > 0;
      });
      assert.ok(
        running.stdout.readableLength < MEGABYTE,
        `${running.stdout.readableLength} bytes buffered`,
      );
      assert.ok(process.memoryUsage().rss - before < 64 * MEGABYTE);
      running.cancel();
      const { exit, stderr } = await finish(running);
      assert.deepEqual(exit.outcome, { kind: 'cancelled' });
      assert.ok(!stderr.toString().includes('end'));
    },
  },
  {
    name: 'streams a gigabyte in constant memory',
    notInDocker: 'the engine takes too long over it; the case above covers its back-pressure',
    async run(room) {
      const running = await room.start(['head', '-c', '1000000000', '/dev/zero']);
      let bytes = 0;
      const before = process.memoryUsage().rss;
      let most = before;
      running.stderr.resume();
      running.stdout.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        most = Math.max(most, process.memoryUsage.rss());
      });
      assert.deepEqual((await running.exited).outcome, { kind: 'exited', exitCode: 0 });
      assert.equal(bytes, 1_000_000_000);
      assert.ok(most - before < 150 * MEGABYTE, `grew by ${(most - before) / MEGABYTE} MB`);
    },
  },
  {
    name: 'limits open files and writes no core dumps',
    async run(room) {
      const { stdout } = await room.sh('ulimit -n; ulimit -c', { limits: { openFiles: 123 } });
      assert.equal(stdout.toString(), '123\n0\n');
    },
  },
  {
    name: 'runs twenty at once and keeps them apart',
    async run(room) {
      const runs = Array.from({ length: 20 }, async (_, index) => {
        const { stdout, exit } = await room.sh(`echo ${index}; cat /dev/null; exit ${index}`);
        assert.equal(stdout.toString(), `${index}\n`);
        assert.deepEqual(exit.outcome, { kind: 'exited', exitCode: index });
      });
      await Promise.all(runs);
    },
  },
];

export const limitCases: readonly ContractCase[] = [...endings, ...resources];
