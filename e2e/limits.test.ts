import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { DISK_FULL_REASON } from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';

import { readLog, readOutputs, runToEnd, submit, type Job } from './src/submit.ts';
import { startTestGrid, type TestGrid } from './src/test-grid.ts';

let grid: TestGrid;

beforeAll(async () => {
  grid = await startTestGrid();
});

afterAll(() => grid.stop());

async function run(
  script: string,
  limits: Partial<NonNullable<Job['spec']>['limits']> = {},
  job: Partial<Job> = {},
) {
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': script },
    script: 'main.py',
    // Defaults are added by the harness.
    spec: { limits: limits as never },
    ...job,
  });
  const [ended] = await runToEnd(grid.api, batchId);
  if (!ended) throw new Error('nothing ended');
  return ended.execution;
}

test('too much memory, too much time, a failure and a cancellation are told apart', async () => {
  const [memory, time, failure] = await Promise.all([
    run('b = bytearray(300_000_000)\nfor i in range(0, len(b), 4096): b[i] = 1\nprint(1)', {
      memoryBytes: 64 * 1024 ** 2,
    }),
    run('import time; time.sleep(600)', { timeoutSeconds: 1 }),
    run('raise SystemExit(7)'),
  ]);
  expect(memory).toMatchObject({
    state: 'out_of_memory',
    reason: expect.stringContaining('--memory'),
  });
  expect(time).toMatchObject({ state: 'timed_out', reason: expect.stringContaining('--timeout') });
  expect(failure).toMatchObject({ state: 'failed', exitCode: 7, reason: null });
});

test('a script that ignores SIGTERM is gone within 10 s of being cancelled, with its children', async () => {
  const { batchId } = await submit(grid.api, {
    files: {
      'main.py': [
        'import signal, subprocess, time',
        'signal.signal(signal.SIGTERM, signal.SIG_IGN)',
        'subprocess.Popen(["sleep", "987654"], start_new_session=True)',
        'print("up", flush=True)',
        'time.sleep(600)',
      ].join('\n'),
    },
    script: 'main.py',
  });
  const id = `${batchId}-0`;
  // The stream brings the line as soon as it is printed.
  const response = await grid.api.raw(`/executions/${id}/logs?follow=true`);
  for await (const chunk of response.body ?? []) if (Buffer.from(chunk).includes('"chunk"')) break;
  const askedAt = Date.now();
  await grid.api.post(`/executions/${id}/cancel`);
  const [ended] = await runToEnd(grid.api, batchId);
  expect(ended?.execution.state).toBe('cancelled');
  expect(Date.now() - askedAt).toBeLessThan(10_000);
});

test('a flood of output keeps its beginning and its end, and says how much is missing', async () => {
  const script =
    'import sys\nline = b"x" * 999_999 + b"\\n"\nfor _ in range(1000): sys.stdout.buffer.write(line)\nsys.stdout.buffer.write(b"the end\\n")';
  const execution = await run(script, { logBytes: 4 * 1024 ** 2 });
  expect(execution).toMatchObject({ state: 'succeeded', exitCode: 0 });
  const stdout = await readLog(grid.api, execution.id, 'stdout');
  expect(stdout.length + execution.logs.droppedBytes).toBe(1_000_000_008);
  expect(stdout.length).toBe(execution.logs.stdoutBytes);
  expect(stdout.subarray(0, 20).toString()).toBe('x'.repeat(20));
  expect(stdout.subarray(-8).toString()).toBe('the end\n');
});

test('100 MB of binary output arrive byte for byte, both streams apart', async () => {
  const script = [
    'import hashlib, sys',
    'block = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(32768))',
    'for i in range(100): sys.stdout.buffer.write(block); sys.stderr.buffer.write(block[:1000])',
  ].join('\n');
  const execution = await run(script);
  expect(execution).toMatchObject({ state: 'succeeded', logs: { droppedBytes: 0 } });
  const block = Buffer.concat(
    Array.from({ length: 32_768 }, (_, index) =>
      createHash('sha256').update(String(index)).digest(),
    ),
  );
  const expected = (part: Buffer) => sha256(Buffer.concat(Array.from({ length: 100 }, () => part)));
  expect(sha256(await readLog(grid.api, execution.id, 'stdout'))).toBe(expected(block));
  expect(sha256(await readLog(grid.api, execution.id, 'stderr'))).toBe(
    expected(block.subarray(0, 1000)),
  );
});

test('a worker knows no credential but its own token', async () => {
  const environment = await readFile(`/proc/${grid.workers[0]?.pid}/environ`, 'utf8');
  expect(environment).not.toMatch(/DATABASE_URL|ENCRYPTION_KEY|postgres/);
  const files = await readdir(join(grid.folder, 'worker-1'));
  expect(files.toSorted()).toEqual(['cache', 'environments', 'executions', 'token']);
});

test('a fork bomb is held and ends with its time', async () => {
  const script = 'import os\nwhile True:\n  try: os.fork()\n  except OSError: pass';
  expect(await run(script, { timeoutSeconds: 2, processes: 64 })).toMatchObject({
    state: 'timed_out',
  });
});

test('a script that fills the disk is stopped and told so', async () => {
  const script = 'f = open("big", "wb")\nwhile True: f.write(b"x" * 1_000_000)';
  const execution = await run(script, { diskBytes: 30_000_000, timeoutSeconds: 60 });
  expect(execution).toMatchObject({ state: 'failed', exitCode: null });
  expect(execution.reason?.startsWith(DISK_FULL_REASON)).toBe(true);
});

test('holes count as what they would be once they came back: beyond the limit nothing of it does', async () => {
  const holes = (count: number) =>
    `for i in range(${count}):\n  with open(f"hole{i}", "wb") as f: f.truncate(19_000_000)\nprint("made")`;
  const [beyond, within] = await Promise.all([
    run(holes(20), { diskBytes: 20_000_000 }),
    run(holes(1), { diskBytes: 20_000_000 }),
  ]);
  expect(beyond).toMatchObject({ state: 'failed', exitCode: null, outputs: null });
  expect(beyond.reason).toMatch(/^it wrote more than its disk limit: .*380 MB.*20\.0 MB/);
  expect((await readLog(grid.api, beyond.id, 'stdout')).toString()).toBe('made\n');
  expect(within).toMatchObject({ state: 'succeeded', outputs: { sizeBytes: 19_000_000 } });
});

test('a script that deletes its own input and itself ends as it would here', async () => {
  const execution = await run(
    'import os, sys\nos.remove(sys.argv[1]); os.remove(sys.argv[0]); open("done", "w").write("ok")',
    {},
    {
      inputs: { 'data/in.csv': 'a,b\n' },
      executions: [{ input: 'data/in.csv' }],
    },
  );
  expect(execution).toMatchObject({ state: 'succeeded', exitCode: 0 });
  expect([...(await readOutputs(grid.api, execution.id)).keys()]).toEqual(['done']);
});

test('names with spaces, newlines, leading dashes, unicode and great length arrive and come back', async () => {
  const long = `${'d'.repeat(100)}/${'e'.repeat(100)}/${'f'.repeat(100)}.txt`;
  const names = [
    'a b.txt',
    'a\nb.txt',
    '-rf',
    'ñandú 🦤.txt',
    "it's.txt",
    '"q".txt',
    '*.txt',
    long,
    'x/in.csv',
    'y/in.csv',
  ];
  const files = Object.fromEntries(names.map((name) => [name, `content of ${name}`]));
  const script = [
    'import os, sys',
    'for folder, _, names in os.walk(".", topdown=True):',
    '  for name in names:',
    '    path = os.path.join(folder, name)',
    '    if folder.startswith("./out") or name == "main.py": continue',
    '    target = os.path.join("out", path); os.makedirs(os.path.dirname(target), exist_ok=True)',
    '    open(target, "w").write(open(path).read().upper())',
  ].join('\n');
  const execution = await run(script, {}, { files: { ...files, 'main.py': script } });
  expect(execution).toMatchObject({ state: 'succeeded' });
  const outputs = await readOutputs(grid.api, execution.id);
  for (const name of names)
    expect(outputs.get(`out/${name}`)?.bytes?.toString()).toBe(`content of ${name}`.toUpperCase());
});

test('an empty file and standard input travel', async () => {
  const stdin = 'line 1\nline 2\n';
  const script =
    'import os, sys\nprint(os.path.getsize("empty"), sys.stdin.read().upper(), end="")';
  const execution = await run(
    script,
    {},
    {
      files: { 'main.py': script, empty: '' },
      inputs: { stdin },
      spec: { stdin: { sha256: sha256(stdin), sizeBytes: stdin.length } },
    },
  );
  expect((await readLog(grid.api, execution.id, 'stdout')).toString()).toBe('0 LINE 1\nLINE 2\n');
});

test.each([
  ['hello.js', 'console.log(process.argv[2])'],
  ['hello.ts', 'const name: string = process.argv[2] ?? ""; console.log(name)'],
  ['hello.sh', 'echo "$1"'],
  ['+x hello', '#!/usr/bin/env python3\nimport sys; print(sys.argv[1])'],
])('%s runs by what it is', async (name, text) => {
  const script = name.replace('+x ', '');
  const { batchId } = await submit(grid.api, {
    files: { [name]: text },
    script,
    executions: [{ args: ['hola'] }],
  });
  const [ended] = await runToEnd(grid.api, batchId);
  expect(ended?.execution).toMatchObject({ state: 'succeeded' });
  expect((await readLog(grid.api, `${batchId}-0`, 'stdout')).toString()).toBe('hola\n');
});

test('a script nobody can start fails with a sentence', async () => {
  const { batchId } = await submit(grid.api, {
    files: { 'notes.txt': 'hello' },
    script: 'notes.txt',
  });
  const [ended] = await runToEnd(grid.api, batchId);
  expect(ended?.execution).toMatchObject({
    state: 'failed',
    exitCode: null,
    reason: expect.stringContaining('--runtime'),
  });
});

test('a secret in the environment reaches the script and is masked in its output', async () => {
  const script =
    'import os\nprint(os.environ["API_TOKEN"][::-1], os.environ["API_TOKEN"], os.environ["PLAIN"])';
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': script },
    script: 'main.py',
    submission: { env: { API_TOKEN: 'abc-canary-123', PLAIN: 'shown' }, masked: ['API_TOKEN'] },
  });
  await runToEnd(grid.api, batchId);
  expect((await readLog(grid.api, `${batchId}-0`, 'stdout')).toString()).toBe(
    '321-yranac-cba *** shown\n',
  );
});
