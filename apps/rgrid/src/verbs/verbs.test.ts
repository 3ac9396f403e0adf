import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FakePlatform } from '../testing/fake-platform.ts';
import { makeFolder, runCli } from '../testing/run-cli.ts';
import { VERBS } from '../verbs.ts';

let platform: FakePlatform;
let cwd = '';
let home = '';

beforeEach(async () => {
  platform = await FakePlatform.start();
  home = makeFolder('home');
  cwd = makeFolder('verbs', { 'x.py': 'print(1)\n', 'a.csv': 'a', 'b.csv': 'b' });
  platform.behave = (index) => ({
    prints: [
      ['stdout', `out ${index}\nmore\n`],
      ['stderr', `err ${index}\n`],
    ],
    outputs: { 'r.txt': `result ${index}` },
    exitCode: index === 1 ? 3 : 0,
  });
  await rgrid('run', '--remote-only', 'x.py', '--batch', 'a.csv', 'b.csv');
});
afterEach(() => platform.stop());

const rgrid = (...words: string[]) => runCli(platform, words, { cwd, home });

describe('every verb', () => {
  it.each(VERBS.map((verb) => verb.name))(
    '%s explains itself and refuses an unknown flag',
    async (name) => {
      const help = await rgrid(name, '--help');
      expect([help.exitCode, help.stderr]).toEqual([0, '']);
      expect(help.stdout).toContain(`Usage  rgrid ${name}`);
      if (name === 'version') return;
      expect(await rgrid(name, '--no-such-flag')).toMatchObject({ exitCode: 2 });
    },
  );

  it.each([
    ['status', '--json'],
    ['status', 'k000000000aa', '--json'],
    ['status', 'k000000000aa-1', '--json'],
    ['list', '--json'],
    ['outputs', 'k000000000aa', '--json'],
    ['download', 'k000000000aa', '--list', '--json'],
    ['workers', '--json'],
    ['top', '--json'],
    ['cancel', 'k000000000aa', '--json'],
  ])('prints valid JSON: rgrid %s %s %s', async (...words) => {
    const { stdout, exitCode } = await rgrid(...words);
    expect(exitCode).toBe(0);
    expect(() => JSON.parse(stdout) as unknown).not.toThrow();
  });

  it('exits with 1 for a run that is not there', async () => {
    for (const verb of ['status', 'logs', 'outputs', 'download', 'cancel', 'retry']) {
      expect(await rgrid(verb, 'kzzzzzzzzzzz')).toMatchObject({ exitCode: 1, stdout: '' });
    }
  });
});

describe('status', () => {
  it('shows how an execution ended and where it ran', async () => {
    const { stdout } = await rgrid('status', 'k000000000aa-1');
    expect(stdout).toMatch(/state +failed\n/);
    expect(stdout).toMatch(/exit code +3\n/);
    expect(stdout).toMatch(/sandbox +bubblewrap\n/);
  });

  it('takes the beginning of an id', async () => {
    expect((await rgrid('status', 'k0-1')).stdout).toContain('k000000000aa-1');
    expect(await rgrid('status', 'm')).toMatchObject({
      exitCode: 1,
      stderr: 'rgrid: there is no run whose id begins with m\n',
    });
  });

  it('lists the newest runs without an id', async () => {
    expect((await rgrid('status')).stdout).toMatch(
      /k000000000aa +x\.py +2 executions .*1 succeeded, 1 failed/,
    );
  });
});

describe('logs', () => {
  it('prints both streams where they belong', async () => {
    expect(await rgrid('logs', 'k000000000aa-0')).toMatchObject({
      stdout: 'out 0\nmore\n',
      stderr: 'err 0\n',
    });
  });

  it.each([
    [['--stdout-only'], 'out 0\nmore\n', ''],
    [['--stderr-only'], '', 'err 0\n'],
    [['--tail', '2'], 'more\n', 'err 0\n'],
    [['-n1'], '', 'err 0\n'],
    [['--follow'], 'out 0\nmore\n', 'err 0\n'],
    [['--follow', '--tail', '2'], 'more\n', 'err 0\n'],
  ])('with %j', async (flags, stdout, stderr) => {
    expect(await rgrid('logs', 'k000000000aa-0', ...flags)).toMatchObject({
      stdout,
      stderr,
      exitCode: 0,
    });
  });

  it('of a batch begin their lines with the input with --tag', async () => {
    const { stdout } = await rgrid('logs', 'k000000000aa', '--tag', '--stdout-only');
    expect(stdout).toBe('a.csv\tout 0\na.csv\tmore\nb.csv\tout 1\nb.csv\tmore\n');
    const last = await rgrid('logs', 'k000000000aa', '--tag', '--tail', '1');
    expect(last.stderr).toBe('a.csv\terr 0\nb.csv\terr 1\n');
  });

  it('of a batch come one after the other', async () => {
    for (const flags of [[], ['--follow']]) {
      expect((await rgrid('logs', 'k000000000aa', ...flags)).stdout).toBe(
        'out 0\nmore\nout 1\nmore\n',
      );
    }
  });
});

describe('download', () => {
  it('fetches an execution into this folder', async () => {
    await rgrid('download', 'k000000000aa-1');
    expect(readFileSync(join(cwd, 'r.txt'), 'utf8')).toBe('result 1');
  });

  it('fetches a batch as the run would have', async () => {
    await rgrid('download', 'k000000000aa');
    expect(readFileSync(join(cwd, 'outputs/a.csv/r.txt'), 'utf8')).toBe('result 0');
    expect(readFileSync(join(cwd, 'outputs/b.csv/r.txt'), 'utf8')).toBe('result 1');
  });

  it('fetches single files, and says when there is none of that name', async () => {
    const into = join(cwd, 'into');
    await rgrid('download', 'k000000000aa-0', '--output-dir', into, '--file', 'r.txt');
    expect(existsSync(join(into, 'r.txt'))).toBe(true);
    expect(await rgrid('download', 'k000000000aa-0', '--file', 'no.txt')).toMatchObject({
      exitCode: 1,
    });
  });

  it('replaces a file that is exactly what was sent with the run', async () => {
    writeFileSync(join(cwd, 'r.txt'), 'sent');
    await rgrid('run', '--remote-only', 'x.py');
    await rgrid('download', 'k000000000bb-0');
    expect(readFileSync(join(cwd, 'r.txt'), 'utf8')).toBe('result 0');
  });

  it('keeps a file that is already here', async () => {
    writeFileSync(join(cwd, 'r.txt'), 'mine');
    const { stderr } = await rgrid('download', 'k000000000aa-0');
    expect(readFileSync(join(cwd, 'r.txt'), 'utf8')).toBe('mine');
    expect(stderr).toContain('r.remote-k00000-0.txt');
  });
});

describe('init', () => {
  const init = (key: string, ...words: string[]) => {
    const env = { RGRID_API_URL: '', RGRID_API_KEY: '' };
    return runCli(platform, ['init', '--api-key-stdin', '--api-url', platform.url, ...words], {
      cwd,
      home,
      env,
      stdin: key,
    });
  };

  it('stores a key that works, for its owner alone', async () => {
    const { exitCode, stderr, stdout } = await init(`${platform.key}\n`);
    expect([exitCode, stdout]).toEqual([0, '']);
    expect(stderr).not.toContain(platform.key);
    expect(statSync(join(home, '.rgrid/credentials')).mode & 0o777).toBe(0o600);
    const env = { RGRID_API_URL: '', RGRID_API_KEY: '' };
    expect((await runCli(platform, ['workers'], { cwd, home, env })).exitCode).toBe(0);
  });

  it('stores nothing that does not work', async () => {
    expect(await init('rgrid_wrong')).toMatchObject({ exitCode: 125 });
    expect(existsSync(join(home, '.rgrid/credentials'))).toBe(false);
  });

  it('keeps other profiles', async () => {
    await init(platform.key, '--profile', 'one');
    await init(platform.key, '--profile', 'two');
    const text = readFileSync(join(home, '.rgrid/credentials'), 'utf8');
    expect(text.match(/^\[.+\]$/gm)).toEqual(['[one]', '[two]']);
    rmSync(join(home, '.rgrid'), { recursive: true });
  });
});

describe('completion', () => {
  const offered = async (...line: string[]) => {
    const { stdout } = await rgrid('__complete', String(line.length - 1), ...line);
    return stdout.trim().split('\n');
  };

  it('offers verbs, flags, values and ids', async () => {
    expect(await offered('rgrid', 'do')).toEqual(['download']);
    expect(await offered('rgrid', 'logs', '--f')).toEqual(['--follow']);
    expect(await offered('rgrid', 'run', '--sandbox', 'b')).toEqual(['bubblewrap']);
    expect(await offered('rgrid', 'logs', 'k')).toEqual([
      'k000000000aa',
      'k000000000aa-1',
      'k000000000aa-0',
    ]);
    expect(await offered('rgrid', 'run', '')).toEqual([':files']);
  });

  it.each(['bash', 'zsh', 'fish'])('has a script for %s', async (shell) => {
    expect((await rgrid('completion', shell)).stdout).toContain('rgrid __complete');
  });
});
