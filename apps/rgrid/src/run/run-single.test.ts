import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Behaviour } from '../testing/fake-execution.ts';
import { FakePlatform } from '../testing/fake-platform.ts';
import { makeFolder, runCli } from '../testing/run-cli.ts';

let platform: FakePlatform;
let cwd = '';

beforeEach(async () => {
  platform = await FakePlatform.start();
  cwd = makeFolder('run', { 'x.py': 'print(1)\n', 'lib/tool.py': 'tool' });
});
afterEach(() => platform.stop());

const run = (...words: string[]) => runCli(platform, ['run', ...words], { cwd });

describe('rgrid run of one script', () => {
  const ends: [Behaviour, number][] = [
    [{ exitCode: 0 }, 0],
    [{ exitCode: 3 }, 3],
    [{ exitCode: 143 }, 143],
    [{ state: 'timed_out', exitCode: null }, 124],
    [{ state: 'out_of_memory', exitCode: 137 }, 137],
    [{ state: 'cancelled', exitCode: null }, 130],
    [{ state: 'lost', exitCode: null }, 125],
    [{ state: 'failed', exitCode: 153, reason: 'it wrote more than its --disk limit' }, 153],
    [{ state: 'failed', exitCode: null, reason: 'pip could not install nothing==9' }, 126],
  ];

  it.each(ends)('that ends as %j exits with %i', async (behaviour, exitCode) => {
    platform.behave = () => behaviour;
    expect((await run('x.py')).exitCode).toBe(exitCode);
  });

  it.each<[Behaviour, string]>([
    [{ exitCode: 3 }, ''],
    [{ exitCode: 137 }, ' failed with exit code 137 (SIGKILL, not its --memory limit)\n'],
    [{ exitCode: 139 }, ' failed with exit code 139 (SIGSEGV)\n'],
    [
      { state: 'out_of_memory', exitCode: 137, reason: 'it used more than --memory' },
      ' out of memory: it used more than --memory\n',
    ],
    [
      { state: 'failed', exitCode: 153, reason: 'it wrote more than its --disk limit' },
      ': it wrote more than its --disk limit\n',
    ],
  ])('that ends as %j is told apart by run, logs and status', async (behaviour, told) => {
    platform.behave = () => behaviour;
    const expected = told === '' ? '' : `rgrid: k000000000aa-0${told}`;
    expect((await run('x.py')).stderr).toBe(expected);
    expect((await runCli(platform, ['logs', 'k000000000aa'], { cwd })).stderr).toBe(expected);
    const { stdout } = await runCli(platform, ['status', 'k000000000aa-0'], { cwd });
    expect(stdout.includes('SIGKILL')).toBe(told.includes('SIGKILL'));
  });

  it('passes both streams on byte for byte, and nothing else', async () => {
    const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
    platform.behave = () => ({
      exitCode: 1,
      prints: [
        ['stdout', bytes],
        ['stderr', 'oh\n'],
        ['stdout', bytes],
      ],
    });
    const result = await run('x.py');
    expect(result.stdoutBytes.equals(Buffer.concat([bytes, bytes]))).toBe(true);
    expect(result.stderr).toBe('oh\n');
  });

  it('sends the project, arguments and settings', async () => {
    chmodSync(join(cwd, 'x.py'), 0o755);
    await run(
      '--cpu',
      '2',
      '-e',
      'A=1',
      '-m',
      'team=a b',
      'x.py',
      'in put',
      '--timeout',
      '5m',
      '--',
      '--flat',
    );
    expect(platform.lastSubmission).toMatchObject({
      spec: { script: 'x.py', root: cwd, limits: { cpus: 2, timeoutSeconds: 300 } },
      executions: [{ args: ['in put', '--flat'], label: 'x.py', input: null }],
      env: { A: '1' },
      metadata: { team: 'a b' },
      rerun: 'always',
    });
    expect(platform.sent('lib/tool.py')).toBe('tool');
    expect(platform.lastSubmission.project.entries).toContainEqual(
      expect.objectContaining({ path: 'x.py', mode: 0o755 }),
    );
  });

  it.each([
    [['--runtime', 'python3.12'], { runtime: 'python3.12', image: null }],
    [['--runtime', 'cobol:latest'], { runtime: null, image: 'cobol:latest' }],
    [['--runtime', 'registry.example/cobol'], { runtime: null, image: 'registry.example/cobol' }],
    [
      ['--runtime', 'deno', '--image', 'denoland/deno'],
      { runtime: 'deno', image: 'denoland/deno' },
    ],
    [['--image', 'ubuntu'], { runtime: null, image: 'ubuntu' }],
  ])('takes %j for %j', async (words, spec) => {
    await run(...words, 'x.py');
    expect(platform.lastSubmission.spec).toMatchObject(spec);
  });

  it('says once which arguments are other paths for the script, and why', async () => {
    const { stderr } = await run('x.py', '/etc/hosts', '--in=/etc/hosts', 'lib/tool.py');
    expect(stderr).toBe(
      'rgrid: for the script /etc/hosts is /rgrid/etc/hosts: the sandbox has its own /etc\n',
    );
  });

  it('is one call and one stream when the platform has the files already', async () => {
    await run('x.py');
    platform.requests.length = 0;
    await run('x.py');
    expect(platform.requests).toEqual([
      'POST /batches',
      'GET /executions/k000000000bb-0/logs?follow=true',
    ]);
  });

  it('leaves a flag that the script defines to the script, and says so', async () => {
    writeFileSync(join(cwd, 'y.py'), "parser.add_argument('--json')");
    const { stderr } = await run('y.py', '--json');
    expect(platform.lastSubmission.executions[0]?.args).toEqual(['--json']);
    expect(stderr).toContain('--json goes to y.py');
  });

  it('leaves a flag to the script that imports it, and says from where', async () => {
    writeFileSync(join(cwd, 'm.py'), 'from cli import parse');
    writeFileSync(join(cwd, 'cli.py'), "parser.add_argument('--timeout'); add('--output-dir')");
    const { stderr } = await run('m.py', '--timeout', '50', '--output-dir', 'res');
    expect(platform.lastSubmission.executions[0]?.args).toEqual([
      '--timeout',
      '50',
      '--output-dir',
      'res',
    ]);
    expect(stderr).toContain('--timeout goes to m.py, as cli.py has a flag of that name');
  });

  it('says what it took from behind the script, but for what is hardly ever the script’s', async () => {
    const taken = await run('x.py', '--timeout', '5m', '--secret', 'A=hush', '--', '--flat');
    expect(taken.stderr).toBe(
      'rgrid: took --timeout --secret for itself; what x.py is to get goes behind --\n',
    );
    expect((await run('x.py', '--quiet')).stderr).toContain('took --quiet');
    expect((await run('--quiet', 'x.py', '--timeout', '5m')).stderr).toBe('');
    expect((await run('x.py', '--json')).stderr).toBe('');
  });

  it('masks what looks like a secret', async () => {
    await run(
      '--env',
      'API_TOKEN=abcdefgh',
      '--env',
      'KEY=short',
      '--secret',
      'PIN=1',
      '--env',
      'HOST=example',
      'x.py',
    );
    expect(platform.lastSubmission.masked).toEqual(['PIN', 'API_TOKEN']);
  });

  it('gives the script a redirected file as its stdin', async () => {
    await runCli(platform, ['run', 'x.py'], { cwd, stdin: 'line\n' });
    const { stdin } = platform.lastSubmission.spec;
    expect(stdin?.sizeBytes).toBe(5);
    expect(platform.blobs.get(stdin?.sha256 ?? '')?.toString()).toBe('line\n');
  });

  it('prints only the id with --detach', async () => {
    platform.behave = () => ({ isEndless: true });
    expect(await run('--detach', 'x.py')).toMatchObject({
      exitCode: 0,
      stdout: 'k000000000aa-0\n',
      stderr: '',
    });
  });

  it('prints one JSON object with --json, and the script to stderr', async () => {
    platform.behave = () => ({ exitCode: 3, prints: [['stdout', 'hi\n']] });
    const { stdout, stderr, exitCode } = await run('--json', 'x.py');
    expect(JSON.parse(stdout)).toMatchObject({
      exitCode: 3,
      execution: { id: 'k000000000aa-0', state: 'failed' },
    });
    expect([exitCode, stderr]).toEqual([3, 'hi\n']);
  });

  it('says how much of the output was dropped', async () => {
    platform.behave = () => ({ droppedBytes: 5000 });
    expect((await run('x.py')).stderr).toContain(
      '5000 bytes of the output of k000000000aa-0 were dropped',
    );
  });
});

describe('what comes back', () => {
  const outputs = (files: Behaviour['outputs']) => {
    platform.behave = () => ({ outputs: files ?? {} });
  };

  it('appears where the script made it, with its mode', async () => {
    outputs({
      'a/b/new.txt': 'new',
      'tool.sh': {
        type: 'file',
        path: 'tool.sh',
        mode: 0o755,
        sizeBytes: 0,
        sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      },
      empty: { type: 'directory', path: 'empty', mode: 0o750 },
      link: { type: 'symlink', path: 'link', target: 'a/b/new.txt' },
    });
    platform.blobs.set(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      Buffer.alloc(0),
    );
    const { stderr, exitCode } = await run('x.py');
    expect(exitCode).toBe(0);
    expect(readFileSync(join(cwd, 'a/b/new.txt'), 'utf8')).toBe('new');
    expect(statSync(join(cwd, 'tool.sh')).mode & 0o777).toBe(0o755);
    expect(statSync(join(cwd, 'empty')).mode & 0o777).toBe(0o750);
    expect(readFileSync(join(cwd, 'link'), 'utf8')).toBe('new');
    expect(stderr).toMatch(/^rgrid: wrote .*a\/b\/new\.txt/);
  });

  it('replaces what was sent, and what an earlier run wrote', async () => {
    const home = makeFolder('home');
    writeFileSync(join(cwd, 'state'), 'one');
    outputs({ state: 'two', made: 'two' });
    await runCli(platform, ['run', 'x.py'], { cwd, home });
    outputs({ state: 'three', made: 'three' });
    writeFileSync(join(cwd, '.rgridignore'), 'made\n');
    const { stderr } = await runCli(platform, ['run', 'x.py'], { cwd, home });
    expect(readFileSync(join(cwd, 'state'), 'utf8')).toBe('three');
    expect(readFileSync(join(cwd, 'made'), 'utf8')).toBe('three');
    expect(stderr).toBe('rgrid: wrote made, state\n');
  });

  it('is no news when it was written with the same bytes, and stays the person’s own', async () => {
    const home = makeFolder('home');
    outputs({ 'lib/tool.py': 'tool' });
    const ran = await runCli(platform, ['run', 'x.py'], { cwd, home });
    expect([ran.exitCode, ran.stderr]).toEqual([0, '']);
    const { stderr } = await runCli(platform, ['download', 'k000000000aa-0'], { cwd, home });
    expect(stderr).toBe('rgrid: 1 file is here already\n');
    // Known as rgrid's it could be replaced by what another run made of it.
    expect(existsSync(join(home, '.rgrid/ledger'))).toBe(false);
  });

  it('is laid beside a file that changed here meanwhile', async () => {
    writeFileSync(join(cwd, 'state.json'), 'sent');
    platform.behave = () => {
      writeFileSync(join(cwd, 'state.json'), 'mine');
      return { outputs: { 'state.json': 'theirs' } };
    };
    const { stderr } = await run('x.py');
    expect(readFileSync(join(cwd, 'state.json'), 'utf8')).toBe('mine');
    expect(readFileSync(join(cwd, 'state.remote-k00000-0.json'), 'utf8')).toBe('theirs');
    expect(stderr).toContain(
      "state.json was changed here meanwhile and stays; the run's is state.remote-k00000-0.json",
    );
  });

  it('is laid beside only once as long as it is the same', async () => {
    platform.batchIds = ['a12345678901', 'b12345678901'];
    const home = makeFolder('home');
    const again = () => runCli(platform, ['run', 'x.py'], { cwd, home });
    platform.behave = () => {
      writeFileSync(join(cwd, 'out'), 'mine');
      writeFileSync(join(cwd, 'state.json'), 'mine');
      return { outputs: { 'state.json': 'theirs', 'out/r.txt': 'theirs' } };
    };
    await again();
    rmSync(join(cwd, 'state.json'));
    const { stderr } = await again();
    expect(readdirSync(cwd).sort()).toEqual([
      'lib',
      'out',
      'out.remote-a12345-0',
      'state.json',
      'state.remote-a12345-0.json',
      'x.py',
    ]);
    expect(stderr).toContain("the run's is state.remote-a12345-0.json");
    expect(stderr).toContain("the run's is out.remote-a12345-0/r.txt");
  });

  it('is laid beside a file that stands where a folder has to go', async () => {
    platform.behave = () => {
      writeFileSync(join(cwd, 'out'), 'mine');
      return { outputs: { 'out/x/r.txt': 'theirs' } };
    };
    await run('x.py');
    expect(readFileSync(join(cwd, 'out'), 'utf8')).toBe('mine');
    expect(readFileSync(join(cwd, 'out.remote-k00000-0/x/r.txt'), 'utf8')).toBe('theirs');
  });

  it('never leaves the folder', async () => {
    const outside = makeFolder('outside', { 'victim.txt': 'safe' });
    const entry = (path: string) => ({
      type: 'file' as const,
      path,
      mode: 0o644,
      sizeBytes: 4,
      sha256: 'ab'.repeat(32),
    });
    platform.behave = () => {
      symlinkSync(outside, join(cwd, 'door'));
      return {
        outputs: {
          a: entry('../escaped.txt'),
          b: entry(`${outside}/absolute.txt`),
          c: entry('sub/../../escaped.txt'),
          'door/victim.txt': 'evil',
          'door2/x': 'inside',
          door2: { type: 'symlink', path: 'door2', target: outside },
          door3: { type: 'symlink', path: 'door3', target: 'door/victim.txt' },
          door4: { type: 'symlink', path: 'door4', target: 'here/../escaped.txt' },
          here: { type: 'symlink', path: 'here', target: '.' },
        },
      };
    };
    const { stderr } = await run('x.py');
    expect(readFileSync(join(outside, 'victim.txt'), 'utf8')).toBe('safe');
    expect(existsSync(join(outside, 'absolute.txt'))).toBe(false);
    expect(existsSync(join(cwd, '../escaped.txt'))).toBe(false);
    expect(readFileSync(join(cwd, 'door.remote-k00000-0/victim.txt'), 'utf8')).toBe('evil');
    expect(readFileSync(join(cwd, 'door2/x'), 'utf8')).toBe('inside');
    expect(existsSync(join(cwd, 'door3'))).toBe(false);
    expect(stderr).toMatch(/not brought back: .+, .+, .+ \(it would be outside of the folder\)/);
    expect(stderr).toContain(
      'not brought back: door2, door3, door4 (the symbolic link leads out of the folder)',
    );
  });

  it('goes to --output-dir instead, and with --remote-only nowhere', async () => {
    outputs({ 'r.txt': 'r' });
    await run('--output-dir', 'elsewhere', 'x.py');
    expect(readFileSync(join(cwd, 'elsewhere/r.txt'), 'utf8')).toBe('r');
    await run('--remote-only', 'x.py');
    expect(existsSync(join(cwd, 'r.txt'))).toBe(false);
  });

  it('comes back after a failure too', async () => {
    platform.behave = () => ({ exitCode: 5, outputs: { 'core.log': 'why' } });
    expect((await run('x.py')).exitCode).toBe(5);
    expect(readFileSync(join(cwd, 'core.log'), 'utf8')).toBe('why');
  });

  it('that cannot be written is kept there, and the command says how to get it', async () => {
    platform.behave = () => {
      writeFileSync(join(cwd, 'plain'), '');
      return { outputs: { 'r.txt': 'r' } };
    };
    const { exitCode, stderr } = await run('--output-dir', 'plain/below', 'x.py');
    expect(exitCode).toBe(74);
    expect(stderr).toContain('the platform keeps them: rgrid download k000000000aa-0');
  });
});
