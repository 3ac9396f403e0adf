import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  DEFAULT_LIMITS,
  type FileEntry,
  type Limits,
  type ManifestEntry,
} from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';
import { createDriver, type SandboxDriver } from '@nexus/sandbox';
import { has } from '@nexus/testkit';

import { makeAttemptFolder, runAttempt, type AttemptRequest } from './attempt.ts';
import { removeTree } from './remove-tree.ts';
import { findInterpreters, type Interpreters } from './runtimes/interpreters.ts';

const PATH = execFileSync('sh', ['-c', 'printf %s "$PATH"'], { encoding: 'utf8' });
const ROOT = '/home/ana/project';

interface Job {
  files: Record<string, string>;
  others?: ManifestEntry[];
  script?: string;
  args?: string[];
  env?: Record<string, string>;
  workingDirectory?: string;
  limits?: Partial<Limits>;
}

describe.each([
  { name: 'process' as const, isHere: true, title: 'a process' },
  {
    name: 'bubblewrap' as const,
    isHere: has('bubblewrap'),
    title: 'bubblewrap runs it [needs bubblewrap]',
  },
])('an attempt as $title', ({ name, isHere }) => {
  describe.skipIf(!isHere)('', () => {
    let folder: string;
    let driver: SandboxDriver;
    let interpreters: Interpreters;
    let count = 0;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nexus-attempt-'));
      driver = await createDriver(name);
      interpreters = await findInterpreters(PATH);
    });

    afterAll(async () => {
      await driver.close();
      await removeTree(folder);
    });

    async function run(job: Job) {
      count += 1;
      const id = `test-${name}-${process.pid}-${count}`;
      const contents = new Map(Object.entries(job.files));
      const entries = [...contents].map(([path, content]): FileEntry => {
        return {
          type: 'file',
          path,
          mode: 0o644,
          sizeBytes: content.length,
          sha256: sha256(content),
        };
      });
      const bySha256 = new Map([...contents.values()].map((content) => [sha256(content), content]));
      const own = join(folder, id);
      await makeAttemptFolder(own);
      let [stdout, stderr] = ['', ''];
      const request: AttemptRequest = {
        id,
        folder: own,
        spec: {
          ...{
            script: job.script ?? 'main.py',
            root: ROOT,
            workingDirectory: job.workingDirectory ?? '',
          },
          ...{
            runtime: null,
            image: null,
            sandbox: null,
            network: false,
            dependencies: [],
            stdin: null,
          },
          limits: { ...DEFAULT_LIMITS, timeoutSeconds: 30, ...job.limits },
        },
        project: { entries: [...entries, ...(job.others ?? [])] },
        input: null,
        args: job.args ?? [],
        env: job.env ?? {},
        source: { place: (entry, path) => writeFile(path, bySha256.get(entry.sha256) ?? '') },
        driver,
        interpreters,
        signal: new AbortController().signal,
        installDependencies: async () => ({ mounts: [], env: {} }),
        onStarted: () => undefined,
        onOutput: async (streams) => {
          const texts = await Promise.all([buffer(streams.stdout), buffer(streams.stderr)]);
          [stdout, stderr] = [texts[0].toString(), texts[1].toString()];
        },
      };
      const result = await runAttempt(request);
      return {
        ...result,
        stdout,
        stderr,
        paths: result.changes.manifest.entries.map((entry) => entry.path),
      };
    }

    test('runs the script where it was, with its arguments and variables, and finds what it made', async () => {
      const script =
        'import os, sys; print(sys.argv[1:], os.environ["MODE"]); open("out.txt", "w").write("made"); sys.exit(3)';
      const result = await run({
        files: { 'sub/main.py': script },
        script: 'sub/main.py',
        workingDirectory: 'sub',
        args: ['-x', 'a b'],
        env: { MODE: 'fast' },
      });
      expect(result).toMatchObject({
        outcome: 'failed',
        exitCode: 3,
        reason: null,
        stdout: "['-x', 'a b'] fast\n",
        paths: ['sub/out.txt'],
      });
      expect(await readFile(result.pathOf('sub/out.txt'), 'utf8')).toBe('made');
    });

    test('ends a script that writes too much with a code of its own', async () => {
      const script = 'f = open("out", "wb")\nwhile True: f.write(bytes(1 << 20))';
      const limits = { diskBytes: 8 << 20 };
      expect(await run({ files: { 'main.py': script }, limits })).toMatchObject({
        outcome: 'failed',
        exitCode: 153,
        reason: 'it wrote more than its --disk limit',
      });
    });

    test('runs a script whose name looks like an option', async () => {
      expect(await run({ files: { '-c.py': 'print("ran")' }, script: '-c.py' })).toMatchObject({
        outcome: 'succeeded',
        stdout: 'ran\n',
      });
    });

    test('runs all of TypeScript, quietly, and names the lines of the source', async () => {
      const script = [
        'enum Color {',
        "  Red = 'r',",
        '}',
        'interface Unused {',
        '  a: string;',
        '}',
        'namespace Shapes { export const corners = 4; }',
        'class Point { constructor(public x: number) {} }',
        'console.log(Color.Red, Shapes.corners, new Point(2).x);',
        "throw new Error('here');",
      ].join('\n');
      const result = await run({ files: { 'main.ts': script }, script: 'main.ts' });
      expect(result).toMatchObject({ outcome: 'failed', exitCode: 1, stdout: 'r 4 2\n' });
      expect(result.stderr).toMatch(/main\.ts:10:7\)?\n/);
      expect(result.stderr).not.toContain('Warning');
    });

    test('runs the file that a link in the project leads to', async () => {
      const others: ManifestEntry[] = [{ type: 'symlink', path: 'main.py', target: 'src/real.py' }];
      expect(await run({ files: { 'src/real.py': 'print("real")' }, others })).toMatchObject({
        outcome: 'succeeded',
        stdout: 'real\n',
      });
    });

    test.each(['/etc/passwd', '../../../etc/passwd', 'nowhere.py', 'main.py'])(
      'does not follow a script that is a link to %s',
      async (target) => {
        const others: ManifestEntry[] = [{ type: 'symlink', path: 'main.py', target }];
        expect(await run({ files: {}, others })).toMatchObject({
          outcome: 'failed',
          exitCode: null,
          reason: 'the script main.py did not travel with the project',
          stdout: '',
        });
      },
    );

    test('gives nothing of the machine away to a script that puts a link in place of its project', async () => {
      const outside = join(folder, `outside-${count}`);
      await mkdir(outside);
      await writeFile(join(outside, 'secret'), 'of the machine');
      const script = [
        'import os, shutil, sys',
        `root = os.path.realpath(os.getcwd())`,
        'os.chdir("/")',
        'shutil.rmtree(root)',
        `os.symlink(${JSON.stringify(outside)}, root)`,
      ].join('\n');
      const result = await run({ files: { 'main.py': script } });
      expect(result).toMatchObject({ outcome: 'succeeded', stderr: '', paths: [] });
      expect(result.changes.skipped.join()).toContain('no folder any more');
    });

    test('of a script that removes all it was given is a success with nothing to bring back', async () => {
      const script = 'import os, shutil; root = os.getcwd(); os.chdir("/"); shutil.rmtree(root)';
      expect(await run({ files: { 'main.py': script, 'data/a': 'x' } })).toMatchObject({
        outcome: 'succeeded',
        paths: [],
      });
    });
  });
});
