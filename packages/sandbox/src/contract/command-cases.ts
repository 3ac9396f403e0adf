import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ContractCase } from './contract-case.ts';
import type { RunResult } from './room.ts';

const MEGABYTE = 1024 * 1024;

const exits: ContractCase[] = [
  {
    name: 'passes the exit code on',
    async run(room) {
      for (const code of [0, 1, 3, 126, 255]) {
        const { exit } = await room.sh(`exit ${code}`);
        assert.deepEqual(exit.outcome, { kind: 'exited', exitCode: code });
      }
    },
  },
  {
    name: 'tells death by a signal as 128 plus its number',
    async run(room) {
      for (const [signal, code] of [
        ['KILL', 137],
        ['TERM', 143],
        ['SEGV', 139],
      ] as const) {
        const { exit, stderr } = await room.sh(`kill -${signal} $$`);
        assert.deepEqual(exit.outcome, { kind: 'exited', exitCode: code });
        assert.equal(stderr.toString(), '');
      }
    },
  },
  {
    name: 'says which command was not found',
    async run(room) {
      for (const command of ['no-such-command', `${room.inside}/no-such-file`]) {
        const { exit, stderr } = await room.run([command]);
        const { outcome } = exit;
        assert.ok(
          outcome.kind === 'not_started' || (outcome.kind === 'exited' && outcome.exitCode === 127),
        );
        assert.match(JSON.stringify(outcome) + stderr.toString(), new RegExp(command));
      }
    },
  },
  {
    name: 'says that a file may not be run',
    async run(room) {
      const { exit, stderr } = await room.run([room.write('plain.txt', 'hello\n')]);
      const said = JSON.stringify(exit.outcome) + stderr.toString();
      assert.match(said, /plain\.txt/);
      assert.notDeepEqual(exit.outcome, { kind: 'exited', exitCode: 0 });
    },
  },
  {
    name: 'says that the working directory is missing',
    notInDocker: 'the engine makes it',
    async run(room) {
      const { exit } = await room.sh('true', { cwd: `${room.inside}/nowhere` });
      assert.equal(exit.outcome.kind, 'not_started');
      assert.match(JSON.stringify(exit.outcome), /nowhere/);
    },
  },
  {
    name: 'reports wall time, and CPU and memory where they are counted',
    async run(room) {
      const { exit } = await room.node(
        'while (process.cpuUsage().user + process.cpuUsage().system < 150_000);',
      );
      assert.ok(exit.wallMs >= 50, `wall ${exit.wallMs}`);
      if (!room.driver.description.limits.startsWith('cgroup')) return;
      assert.ok((exit.cpuMs ?? 0) >= 140, `cpu ${exit.cpuMs}`);
      assert.ok((exit.maxMemoryBytes ?? 0) > MEGABYTE, `memory ${exit.maxMemoryBytes}`);
    },
  },
];

const streams: ContractCase[] = [
  {
    name: 'carries megabytes of binary output byte for byte, both streams apart',
    async run(room) {
      const out = randomBytes(4 * MEGABYTE + 1);
      const err = randomBytes(3 * MEGABYTE + 7);
      room.write('out.bin', out);
      room.write('err.bin', err);
      const result = await room.sh('cat err.bin >&2 & cat out.bin; wait');
      assert.ok(result.stdout.equals(out));
      assert.ok(result.stderr.equals(err));
    },
  },
  {
    name: 'lets the script open /dev/stdout and /dev/stderr anew',
    async run(room) {
      const { stdout, stderr, exit } = await room.sh('echo a >/dev/stdout; echo b >/dev/stderr');
      assert.deepEqual(exit.outcome, { kind: 'exited', exitCode: 0 });
      assert.equal(stdout.toString(), 'a\n');
      assert.equal(stderr.toString(), 'b\n');
    },
  },
  {
    name: 'gives an empty standard input that ends at once',
    async run(room) {
      const { stdout } = await room.sh('cat; echo done');
      assert.equal(stdout.toString(), 'done\n');
    },
  },
  {
    name: 'gives a file as standard input',
    async run(room) {
      const bytes = randomBytes(MEGABYTE);
      const path = join(room.workspace, 'stdin.bin');
      writeFileSync(path, bytes, { mode: 0o600 });
      const { stdout } = await room.sh('cat', { stdin: { kind: 'file', path } });
      assert.ok(stdout.equals(bytes));
    },
  },
  {
    name: 'says that the input file is missing',
    async run(room) {
      const { exit } = await room.sh('cat', { stdin: { kind: 'file', path: '/nowhere/input' } });
      assert.equal(exit.outcome.kind, 'not_started');
      assert.match(JSON.stringify(exit.outcome), /nowhere\/input/);
    },
  },
  {
    name: 'feeds a stream as standard input and ends with it',
    async run(room) {
      const bytes = randomBytes(5 * MEGABYTE);
      const stream = Readable.from([bytes.subarray(0, MEGABYTE), bytes.subarray(MEGABYTE)]);
      const { stdout } = await room.sh('cat', { stdin: { kind: 'stream', stream } });
      assert.ok(stdout.equals(bytes));
    },
  },
  {
    name: 'ends when the script does, however much input is left',
    async run(room) {
      const stream = new Readable({
        read() {
          this.push(Buffer.alloc(65536));
        },
      });
      const { exit } = await room.sh('head -c 1 >/dev/null; exit 4', {
        stdin: { kind: 'stream', stream },
      });
      assert.deepEqual(exit.outcome, { kind: 'exited', exitCode: 4 });
    },
  },
  {
    name: 'hands over no file but the three streams',
    async run(room) {
      if (process.platform !== 'linux') return;
      const { stdout } = await room.sh('ls -l /proc/self/fd');
      const links = stdout.toString().match(/\d+ -> .*/g) ?? [];
      // ls has the directory itself open.
      const others = links.filter((link) => !/^[012] -> |\/fd$/.test(link));
      // What the test runner itself was started with is covered up.
      assert.deepEqual(
        others.filter((link) => !link.endsWith(' /dev/null')),
        [],
      );
    },
  },
];

const surroundings: ContractCase[] = [
  {
    name: 'gives exactly the environment asked for',
    notInDocker: 'the engine and the image add theirs',
    async run(room) {
      const env = {
        PATH: '/usr/bin:/bin',
        EMPTY: '',
        QUOTES: `it's "quoted" \\ $HOME $(id) \`id\``,
        LINES: 'one\ntwo\n\nfour\n',
        UNICODE: 'ñandú 🦙 \u0081\u0088',
        LD_PRELOAD_NOT: 'x',
      };
      const { stdout } = await room.run(['env', '-0'], { env });
      const seen = stdout.toString().split('\0').filter(Boolean).toSorted();
      assert.deepEqual(
        seen,
        Object.entries(env)
          .map(([name, value]) => `${name}=${value}`)
          .toSorted(),
      );
    },
  },
  {
    name: 'refuses variables that no shell could pass on',
    async run(room) {
      const { exit } = await room.sh('true', { env: { 'a-b': '1' } });
      assert.equal(exit.outcome.kind, 'not_started');
      assert.match(JSON.stringify(exit.outcome), /a-b/);
    },
  },
  {
    name: 'starts in the working directory and leaves its files to the worker',
    async run(room) {
      const { stdout } = await room.sh('pwd -P; echo made > result.txt; stat -c %a result.txt');
      assert.equal(stdout.toString(), `${room.inside}\n644\n`);
      assert.equal(readFileSync(join(room.workspace, 'result.txt'), 'utf8'), 'made\n');
    },
  },
  {
    name: 'passes arguments with spaces, quotes, newlines and leading dashes unchanged',
    async run(room) {
      const args = ['a b', '', '-n', "it's", '"', 'x\ny', '*', '$HOME', '--', 'ñ'];
      const { stdout } = await room.sh('true', {});
      assert.equal(stdout.length, 0);
      const result = await room.run([
        '/bin/sh',
        '-c',
        `for a in "$@"; do printf '%s\\0' "$a"; done`,
        'sh',
        ...args,
      ]);
      assert.deepEqual(result.stdout.toString().split('\0').slice(0, -1), args);
    },
  },
  {
    name: 'passes a megabyte of arguments, and ten thousand of them',
    async run(room) {
      const count = (args: readonly string[]): Promise<RunResult> =>
        room.run([
          '/bin/sh',
          '-c',
          'for a in "$@"; do bytes=$((bytes + ${#a})); done; echo $# $bytes',
          'sh',
          ...args,
        ]);
      const long = Array.from({ length: 8 }, () => 'x'.repeat(131_071));
      assert.equal((await count(long)).stdout.toString(), '8 1048568\n');
      const many = Array.from({ length: 10_000 }, () => 'x');
      assert.equal((await count(many)).stdout.toString(), '10000 10000\n');
    },
  },
  {
    name: 'says that arguments or variables are longer than can be passed on',
    notInDocker: 'the engine has its own words',
    async run(room) {
      const endings = await Promise.all([
        room.run(['true', 'x'.repeat(4 * MEGABYTE)]),
        room.run(['true', ...Array.from({ length: 70 }, () => 'x'.repeat(100_000))]),
        room.run(['true'], { env: { PATH: '/bin', LONG: 'x'.repeat(4 * MEGABYTE) } }),
      ]);
      for (const { exit } of endings) {
        assert.deepEqual(exit.outcome, {
          kind: 'not_started',
          reason:
            'its arguments and variables are longer than this machine can pass on to a program',
        });
      }
    },
  },
  {
    name: 'runs an executable file by its own first line',
    async run(room) {
      const path = room.write('hello there.sh', '#!/bin/sh\necho "hello $1"\n', 0o755);
      const { stdout } = await room.run([path, 'world']);
      assert.equal(stdout.toString(), 'hello world\n');
    },
  },
];

export const commandCases: readonly ContractCase[] = [...exits, ...streams, ...surroundings];
