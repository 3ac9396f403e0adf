import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FakePlatform } from './testing/fake-platform.ts';
import { makeFolder } from './testing/run-cli.ts';

const LAUNCHER = fileURLToPath(new URL('../../../bin/rgrid', import.meta.url));

let platform: FakePlatform;
let cwd = '';

beforeEach(async () => {
  platform = await FakePlatform.start();
  cwd = makeFolder('launcher', { 'x.py': 'print(1)\n' });
});
afterEach(() => platform.stop());

interface ShellResult {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** A line of shell in which `rgrid` is the real program as a process of its own. */
async function shell(line: string, env: Record<string, string> = {}): Promise<ShellResult> {
  const child = spawn('bash', ['-c', `set -o pipefail; rgrid() { "${LAUNCHER}" "$@"; }; ${line}`], {
    cwd,
    env: {
      PATH: '/usr/bin:/bin',
      HOME: cwd,
      RGRID_API_URL: platform.url,
      RGRID_API_KEY: platform.key,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  const exitCode = await new Promise<number | null>((done) => child.on('close', done));
  child.stdin.destroy();
  return { exitCode, ...output };
}

const stdinSent = () => {
  const { stdin } = platform.lastSubmission.spec;
  return stdin ? platform.blobs.get(stdin.sha256)?.toString() : null;
};

describe('bin/rgrid', () => {
  it('works from any folder and through links, and runs the script there', async () => {
    mkdirSync(join(cwd, 'a b'));
    symlinkSync(LAUNCHER, join(cwd, 'a b/first'));
    symlinkSync('a b/first', join(cwd, 'second'));
    expect(
      await shell(
        './second --version; cd "a b" && ./first --version; PATH="$PWD:$PATH" first --version',
      ),
    ).toMatchObject({
      stdout: 'rgrid 0.1.0\nrgrid 0.1.0\nrgrid 0.1.0\n',
      stderr: '',
    });
  });

  it('says in one sentence that it is not installed completely', () => {
    const root = makeFolder('half', { 'bin/x': '' });
    copyFileSync(LAUNCHER, join(root, 'bin/rgrid'));
    chmodSync(join(root, 'bin/rgrid'), 0o755);
    const { status, stderr } = spawnSync(join(root, 'bin/rgrid'), ['--version'], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([
      125,
      `rgrid: it is not installed completely: run npm ci in ${root}\n`,
    ]);
  });

  it('exits with the code of the script', async () => {
    platform.behave = () => ({
      exitCode: 42,
      prints: [
        ['stdout', 'out\n'],
        ['stderr', 'err\n'],
      ],
    });
    expect(await shell('rgrid run x.py')).toEqual({
      exitCode: 42,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it.each(['status', 'list', 'logs k000000000aa-0', 'logs -f k000000000aa', 'top'])(
    'says after two more tries that nothing answers: rgrid %s',
    async (words) => {
      // Port 1 is for a protocol that nobody runs.
      const { exitCode, stderr } = await shell(`rgrid ${words}`, {
        RGRID_API_URL: 'http://127.0.0.1:1',
      });
      expect(exitCode).toBe(125);
      expect(stderr).toContain('http://127.0.0.1:1 does not answer: nothing listens there');
      expect(stderr.match(/trying again/g) ?? []).toHaveLength(words.startsWith('logs k') ? 0 : 2);
    },
  );

  it('ends quietly when nobody reads any more', async () => {
    platform.behave = () => ({
      prints: Array.from({ length: 300 }, () => ['stdout', `${'x'.repeat(9999)}\n`] as const),
    });
    const run = await shell('{ rgrid run x.py; echo "code $?" >&2; } | head -c 5');
    expect(run).toMatchObject({ stdout: 'xxxxx', stderr: 'code 141\n' });
    const logs = await shell('{ rgrid logs k000000000aa-0; } | head -c 5');
    expect(logs).toMatchObject({ stdout: 'xxxxx', stderr: '' });
  });

  it('passes 20 MB through a slow reader', async () => {
    const block = Buffer.alloc(1 << 20, 'y');
    platform.behave = () => ({
      prints: Array.from({ length: 20 }, () => ['stdout', block] as const),
    });
    expect((await shell('rgrid run x.py | { sleep 0.2; wc -c; }')).stdout.trim()).toBe(
      String(20 << 20),
    );
  });

  it('cancels on SIGTERM and exits with 130', async () => {
    platform.behave = () => ({ isEndless: true, prints: [['stdout', 'begun\n']] });
    const { exitCode, stdout } = await shell(
      `"${LAUNCHER}" run x.py > out & while ! grep -q begun out; do :; done; kill -TERM $!; wait $!`,
    );
    expect([exitCode, stdout]).toEqual([130, '']);
    expect(readFileSync(join(cwd, 'out'), 'utf8')).toBe('begun\n');
  });
});

describe('stdin', () => {
  it.each([
    ['a terminal or nothing', 'rgrid run x.py < /dev/null', null],
    ['closed', 'rgrid run x.py <&-', null],
    ['a file', 'printf "a\\nb\\n" > f; rgrid run x.py < f', 'a\nb\n'],
    ['the rest of a file', 'printf "a\\nb\\n" > f; { read -r line; rgrid run x.py; } < f', 'b\n'],
    ['an empty file', ': > f; rgrid run x.py < f', null],
    ['a pipe', 'printf "a\\nb\\n" | rgrid run x.py', 'a\nb\n'],
    ['a here-document', 'rgrid run x.py <<< text', 'text\n'],
    ['an empty pipe', ': | rgrid run x.py', null],
    ['an open pipe that says nothing', 'rgrid run x.py', null],
    [
      'an open pipe that says something late, with --stdin',
      '{ sleep 0.4; echo late; } | rgrid run --stdin x.py',
      'late\n',
    ],
    ['a pipe, with --no-stdin', 'echo unwanted | rgrid run --no-stdin x.py', null],
  ])('that is %s', async (_name, line, expected) => {
    expect(await shell(line)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(stdinSent()).toBe(expected);
  });

  it('of several megabytes comes through a pipe whole', async () => {
    writeFileSync(join(cwd, 'big'), Buffer.alloc(9_000_000, 'abc'));
    await shell('cat big | rgrid run --project . x.py');
    expect(stdinSent()).toBe(readFileSync(join(cwd, 'big'), 'utf8'));
  });
});
