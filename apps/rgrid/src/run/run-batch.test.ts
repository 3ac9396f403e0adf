import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FakePlatform } from '../testing/fake-platform.ts';
import { makeFolder, runCli, type CliOptions } from '../testing/run-cli.ts';

let platform: FakePlatform;
let cwd = '';
let home = '';

beforeEach(async () => {
  platform = await FakePlatform.start();
  home = makeFolder('home');
  cwd = makeFolder('batch', {
    'x.py': 'print(1)\n',
    'data/a.csv': 'a',
    'data/b.csv': 'b',
    'data/c.csv': 'c',
    'x/in.csv': 'x',
    'y/in.csv': 'y',
  });
});
afterEach(() => platform.stop());

const run = (words: string[], options: Partial<CliOptions> = {}) =>
  runCli(platform, ['run', ...words], { cwd, home, ...options });
const read = (path: string) => readFileSync(join(cwd, path), 'utf8');

describe('rgrid run --batch', () => {
  it('makes one execution of each input, which travels with it and not with the project', async () => {
    await run(['x.py', '--fast', '--batch', 'data/a.csv', 'data/b.csv', '--parallel', '20']);
    const { executions, project, parallel, rerun } = platform.lastSubmission;
    expect(executions.map(({ label, args, input }) => [label, args, input?.path])).toEqual([
      ['data/a.csv', ['--fast', 'data/a.csv'], 'data/a.csv'],
      ['data/b.csv', ['--fast', 'data/b.csv'], 'data/b.csv'],
    ]);
    expect(project.entries.map((entry) => entry.path)).toEqual([
      'data/c.csv',
      'x.py',
      'x/in.csv',
      'y/in.csv',
    ]);
    expect([parallel, rerun]).toEqual([20, 'reuse']);
  });

  it('puts the input where {} stands', async () => {
    await run(['x.py', '--in={}', '-o', '{}.out', '--batch', '{1..2}']);
    expect(platform.lastSubmission.executions.map((execution) => execution.args)).toEqual([
      ['--in=1', '-o', '1.out'],
      ['--in=2', '-o', '2.out'],
    ]);
  });

  it('is the same batch when run again, whatever has come back since', async () => {
    platform.behave = () => ({ outputs: { 'result.txt': 'r' } });
    await run(['x.py', '--batch', 'data/*.csv']);
    const first = platform.lastSubmission.executions.map((execution) => execution.identity);
    writeFileSync(join(cwd, 'data/b.csv'), 'changed');
    await run(['x.py', '--batch', 'data/*.csv']);
    const second = platform.lastSubmission.executions.map((execution) => execution.identity);
    expect(second.map((identity, index) => identity === first[index])).toEqual([true, false, true]);
  });

  it('prints what each wrote in one piece, and a summary', async () => {
    platform.behave = (index) => ({
      prints: [
        ['stdout', `${index} one\n`],
        ['stderr', `${index} oops\n`],
        ['stdout', `${index} two\n`],
      ],
      exitCode: index === 1 ? 7 : 0,
    });
    const { exitCode, stdout, stderr } = await run(['x.py', '--batch', 'data/*.csv']);
    expect(stdout).toBe('0 one\n0 two\n1 one\n1 two\n2 one\n2 two\n');
    expect(stderr).toMatch(/rgrid: 2 succeeded, 1 failed in [\d.]+ s\n/);
    expect(stderr).toContain(
      'rgrid:   data/b.csv failed with exit code 7  (rgrid logs k000000000aa-1)\nrgrid:     1 oops\n',
    );
    expect(stderr.match(/failed with exit code 7/g), 'in a pipe only once').toHaveLength(1);
    expect(exitCode).toBe(1);
  });

  it('begins lines with their input where asked to, and elsewhere leaves them alone', async () => {
    platform.behave = (index) => ({
      prints: [
        ['stdout', `${index} one\ntwo`],
        ['stderr', 'oops\n'],
      ],
    });
    const words = ['x.py', '--batch', 'data/a.csv', 'data/b.csv'];
    const tagged = await run(['--tag', ...words]);
    expect(tagged.stdout).toBe(
      'data/a.csv\t0 one\ndata/a.csv\ttwo\ndata/b.csv\t1 one\ndata/b.csv\ttwo\n',
    );
    expect(tagged.stderr).toContain('data/a.csv\toops\ndata/b.csv\toops\n');
    expect((await run(words)).stdout).toBe('0 one\ntwo1 one\ntwo');
  });

  it('says with --quiet only what the scripts say', async () => {
    platform.behave = () => ({ prints: [['stdout', 'out\n']], exitCode: 1 });
    const { stdout, stderr } = await run(['--quiet', 'x.py', '--batch', 'data/*.csv']);
    expect([stdout, stderr]).toEqual(['out\nout\nout\n', '']);
  });

  it.each([
    [0, 1],
    [1, 1],
    [2, 0],
    [9, 0],
  ])('with --allow-failures %i and two failures exits with %i', async (allowed, exitCode) => {
    platform.behave = (index) => ({ exitCode: index < 2 ? 1 : 0 });
    const words = ['x.py', '--batch', 'data/*.csv', '--allow-failures', String(allowed)];
    expect((await run(words)).exitCode).toBe(exitCode);
  });

  it('cancels the rest with --fail-fast', async () => {
    platform.behave = (index) => (index === 0 ? { exitCode: 4 } : { isEndless: true });
    const { exitCode, stderr } = await run(['x.py', '--batch', 'data/*.csv', '--fail-fast']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('0 succeeded, 1 failed, 2 cancelled');
  });

  it('tells what was done before', async () => {
    platform.submitReply = { isAttached: true, reused: 2, requeued: 1 };
    expect((await run(['x.py', '--batch', 'data/*.csv'])).stderr).toContain(
      'attached to the same batch, 2 of 3 done already, 1 run again',
    );
    platform.submitReply = { reused: 2 };
    expect((await run(['x.py', '--batch', 'data/*.csv'])).stderr).toContain(
      '2 of 3 have a result from an earlier run',
    );
  });

  it('runs everything with --force', async () => {
    await run(['x.py', '--batch', 'data/*.csv', '--force']);
    expect(platform.lastSubmission.rerun).toBe('always');
  });

  it('prints one JSON object with --json', async () => {
    platform.behave = () => ({ prints: [['stdout', 'noise\n']] });
    const { stdout } = await run(['--json', 'x.py', '--batch', 'data/*.csv']);
    const result: unknown = JSON.parse(stdout);
    expect(result).toMatchObject({
      batchId: 'k000000000aa',
      exitCode: 0,
      executions: [{ index: 0 }, { index: 1 }, { index: 2 }],
    });
  });

  it('prints the id of the batch with --detach', async () => {
    platform.behave = () => ({ isEndless: true });
    expect(await run(['--detach', 'x.py', '--batch', 'data/*.csv'])).toMatchObject({
      exitCode: 0,
      stdout: 'k000000000aa\n',
    });
  });
});

describe('outputs of a batch', () => {
  it('come back into a folder of each input', async () => {
    platform.behave = (index) => ({ outputs: { 'sub/result.txt': `result ${index}` } });
    await run(['x.py', '--batch', 'data/a.csv', 'data/b.csv']);
    expect([read('outputs/a.csv/sub/result.txt'), read('outputs/b.csv/sub/result.txt')]).toEqual([
      'result 0',
      'result 1',
    ]);
  });

  it('of inputs with the same name stay apart', async () => {
    platform.behave = (index) => ({ outputs: { 'result.txt': `result ${index}` } });
    await run(['x.py', '--batch', 'x/in.csv', 'y/in.csv']);
    expect([read('outputs/x/in.csv/result.txt'), read('outputs/y/in.csv/result.txt')]).toEqual([
      'result 0',
      'result 1',
    ]);
  });

  it('share a folder with --flat, the input in the name where two would collide', async () => {
    platform.behave = (index) => ({
      outputs: { 'result.txt': `${index}`, [`only-${index}.txt`]: 'x' },
    });
    await run(['x.py', '--batch', 'data/a.csv', 'data/b.csv', '--flat', '--output-dir', 'flat']);
    expect([read('flat/a.csv-result.txt'), read('flat/b.csv-result.txt')]).toEqual(['0', '1']);
    expect(existsSync(join(cwd, 'flat/only-0.txt'))).toBe(true);
    expect(existsSync(join(cwd, 'flat/result.txt'))).toBe(false);
  });

  it('that are missing here are fetched again by the same command', async () => {
    platform.behave = () => ({ outputs: { 'result.txt': 'r' } });
    await run(['x.py', '--batch', 'data/*.csv']);
    rmSync(join(cwd, 'outputs/b.csv'), { recursive: true });
    const before = platform.requests.length;
    await run(['x.py', '--batch', 'data/*.csv']);
    expect(read('outputs/b.csv/result.txt')).toBe('r');
    expect(
      platform.requests.slice(before).filter((request) => request.startsWith('GET /blobs')),
    ).toHaveLength(1);
  });

  it('replace those of the run before, but not what was changed by hand', async () => {
    platform.behave = () => ({ outputs: { 'result.txt': 'first' } });
    await run(['x.py', '--batch', 'data/*.csv']);
    writeFileSync(join(cwd, 'outputs/a.csv/result.txt'), 'by hand');
    platform.behave = () => ({ outputs: { 'result.txt': 'second' } });
    const { stderr } = await run(['x.py', '--batch', 'data/*.csv', '--force']);
    expect([read('outputs/a.csv/result.txt'), read('outputs/b.csv/result.txt')]).toEqual([
      'by hand',
      'second',
    ]);
    expect(read('outputs/a.csv/result.remote-k00000-0.txt')).toBe('second');
    expect(stderr).toContain('a.csv/result.txt was changed here meanwhile');
  });

  it('that cannot be written make the command fail, after all of it has run', async () => {
    platform.behave = () => {
      writeFileSync(join(cwd, 'outputs'), 'a file in the way');
      return { outputs: { 'result.txt': 'r' } };
    };
    const { exitCode, stderr } = await run(['x.py', '--batch', 'data/*.csv']);
    expect(exitCode).toBe(74);
    expect(stderr).toContain('rgrid download k000000000aa');
    expect(stderr).toContain('3 succeeded');
  });
});

describe('a signal', () => {
  it('cancels the batch, waits for its end and exits with 130', async () => {
    platform.behave = (index) => (index === 0 ? {} : { isEndless: true });
    const onSignals: CliOptions['onSignals'] = (send) => {
      const timer = setInterval(() => {
        if (!platform.requests.some((request) => request.includes('/events'))) return;
        clearInterval(timer);
        send('SIGINT');
      }, 5);
    };
    const { exitCode, stderr } = await run(['x.py', '--batch', 'data/*.csv'], { onSignals });
    expect(exitCode).toBe(130);
    expect(stderr).toContain('1 succeeded, 2 cancelled');
    expect(platform.requests).toContain('POST /batches/k000000000aa/cancel');
  });

  it('cancels a single run too', async () => {
    platform.behave = () => ({ isEndless: true, prints: [['stdout', 'begun\n']] });
    const onSignals: CliOptions['onSignals'] = (send) => {
      const timer = setInterval(() => {
        if (!platform.requests.some((request) => request.includes('/logs'))) return;
        clearInterval(timer);
        send('SIGTERM');
      }, 5);
    };
    const { exitCode, stdout } = await run(['x.py'], { onSignals });
    expect([exitCode, stdout]).toEqual([130, 'begun\n']);
  });
});
