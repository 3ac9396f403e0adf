import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { has } from '@nexus/testkit';
import { packageManagerSettings } from '@nexus/workspace';

import { readLog, runToEnd, submit, toEntries, type Files } from './src/submit.ts';
import { startTestGrid, type TestGrid } from './src/test-grid.ts';

let grid: TestGrid;

beforeAll(async () => {
  grid = await startTestGrid({ workerEnv: packageManagerSettings(process.env) });
});

afterAll(() => grid.stop());

async function run(files: Files, script: string, manager: 'pip' | 'npm') {
  const names = manager === 'pip' ? ['requirements.txt'] : ['package.json'];
  const entries = toEntries(files).filter((entry) => names.includes(entry.path));
  const { batchId } = await submit(grid.api, {
    files,
    script,
    spec: { dependencies: [{ manager, files: entries }] },
    submission: { parallel: 1 },
  });
  const [ended] = await runToEnd(grid.api, batchId);
  const id = ended?.execution.id ?? '';
  const log = await readLog(grid.api, id, 'stdout');
  return {
    execution: ended?.execution,
    stdout: log.toString(),
    stderr: (await readLog(grid.api, id, 'stderr')).toString(),
  };
}

async function environmentsOf(worker: string): Promise<string[]> {
  return readdir(join(grid.folder, worker, 'environments'));
}

describe.skipIf(!has('pip'))('requirements.txt [needs pip]', () => {
  const files = {
    'main.py': 'import six; print("six", six.__version__)',
    'requirements.txt': 'six==1.16.0\n',
  };

  test(
    'is installed in a sandbox, once, and taken over by another worker',
    { timeout: 120_000 },
    async () => {
      expect(await run(files, 'main.py', 'pip')).toMatchObject({
        stdout: 'six 1.16.0\n',
        execution: { state: 'succeeded' },
      });
      const [first] = await environmentsOf('worker-1');
      await grid.workers[0]?.end('SIGTERM');
      await grid.addWorker({
        PIP_INDEX_URL: 'http://127.0.0.1:9/',
        PIP_FIND_LINKS: '',
        PIP_NO_INDEX: '1',
      });
      expect(await run(files, 'main.py', 'pip')).toMatchObject({
        stdout: 'six 1.16.0\n',
        execution: { state: 'succeeded', workerName: 'worker-2' },
      });
      expect(await environmentsOf('worker-2')).toEqual([first]);
      const log = await readFile(join(grid.folder, 'worker-2.log'), 'utf8');
      expect(log).not.toContain('could not be installed');
      await grid.addWorker();
    },
  );

  test(
    'that cannot be installed fails the execution with the reason and the installer’s own words',
    { timeout: 120_000 },
    async () => {
      const broken = {
        'main.py': 'print(1)',
        'requirements.txt': 'no-such-package-hopefully-ever==99.99\n',
      };
      const { execution, stderr } = await run(broken, 'main.py', 'pip');
      expect(execution).toMatchObject({
        state: 'failed',
        exitCode: null,
        reason: expect.stringContaining('requirements.txt could not be installed'),
      });
      expect(stderr).toContain('no-such-package-hopefully-ever');
    },
  );
});

const MAKE_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/hallo-1.0-py3-none-any.whl", "w") as wheel:
  info = "hallo-1.0.dist-info/"
  wheel.writestr("hallo.py", "word = 'hallo'\\n")
  wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: hallo\\nVersion: 1.0\\n")
  wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
  wheel.writestr(info + "RECORD", "hallo.py,,\\n")
`;

describe.skipIf(!has('pip'))('a folder of wheels on the worker [needs pip]', () => {
  test('is where an installation looks, without a complaint about others', async () => {
    const wheels = join(grid.folder, 'wheels');
    await mkdir(wheels);
    // A temporary folder is for its owner alone, and sandboxes are another user.
    await chmod(grid.folder, 0o755);
    execFileSync('python3', ['-c', MAKE_WHEEL, wheels]);
    await Promise.all(grid.workers.map((worker) => worker.end('SIGTERM')));
    await grid.addWorker({ PIP_FIND_LINKS: `/no/such/folder ${wheels}`, PIP_NO_INDEX: '1' });
    const files = {
      'main.py': 'import hallo; print(hallo.word)',
      'requirements.txt': 'hallo==1.0\n',
    };
    expect(await run(files, 'main.py', 'pip')).toMatchObject({
      stdout: 'hallo\n',
      execution: { state: 'succeeded' },
    });
    const { stderr } = await run(
      { ...files, 'requirements.txt': 'hallo==2.0\n' },
      'main.py',
      'pip',
    );
    expect(stderr).toContain('hallo==2.0');
    expect(stderr).not.toMatch(/ignored|no\/such\/folder/);
  }, 60_000);
});

describe.skipIf(!has('npm registry'))('package.json [needs npm registry]', () => {
  test('is installed and imported by a TypeScript script', { timeout: 120_000 }, async () => {
    const files = {
      'main.ts':
        'import isNumber from "is-number"; const is: boolean = isNumber("4"); console.log(is)',
      'package.json': '{"type":"module","dependencies":{"is-number":"7.0.0"}}',
    };
    const ended = await run(files, 'main.ts', 'npm');
    expect(ended).toMatchObject({
      stderr: '',
      stdout: 'true\n',
      execution: { state: 'succeeded', reason: null },
    });
  });
});
