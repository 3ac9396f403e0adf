import { afterAll, beforeAll, expect, test } from 'vitest';

import { readLog, readOutputs, runToEnd, submit } from './src/submit.ts';
import { startTestGrid, type TestGrid } from './src/test-grid.ts';

let grid: TestGrid;

beforeAll(async () => {
  grid = await startTestGrid();
});

afterAll(() => grid.stop());

test('a script runs with its arguments, and its exit code, output and files come back', async () => {
  const script = [
    'import os, sys, helper',
    'print("args", sys.argv[1:]); print("cwd", os.getcwd())',
    'sys.stderr.buffer.write(b"\\xff\\x00")',
    'os.makedirs("a/b/c"); open("a/b/c/deep.bin", "wb").write(bytes(range(256)))',
    'os.mkdir("empty"); os.symlink("a", "link")',
    'open("run.sh", "w").write("x"); os.chmod("run.sh", 0o750)',
    'sys.exit(helper.code)',
  ].join('\n');
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': script, 'helper.py': 'code = 3' },
    script: 'main.py',
    executions: [{ args: ['-x', 'a b', 'ñ\n'] }],
  });
  const [ended] = await runToEnd(grid.api, batchId);
  expect(ended?.execution).toMatchObject({
    state: 'failed',
    exitCode: 3,
    retriesUsed: 0,
    epoch: 1,
    workerName: 'worker-1',
  });
  const id = ended?.execution.id ?? '';
  expect((await readLog(grid.api, id, 'stdout')).toString()).toBe(
    "args ['-x', 'a b', 'ñ\\n']\ncwd /home/ana/project\n",
  );
  expect(await readLog(grid.api, id, 'stderr')).toEqual(Buffer.from([0xff, 0]));
  const outputs = await readOutputs(grid.api, id);
  expect([...outputs.keys()]).toEqual([
    'a',
    'a/b',
    'a/b/c',
    'a/b/c/deep.bin',
    'empty',
    'link',
    'run.sh',
  ]);
  expect(outputs.get('a/b/c/deep.bin')?.bytes).toEqual(
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  );
  expect(outputs.get('run.sh')?.mode).toBe(0o750);
  expect(outputs.get('link')?.target).toBe('a');
});
