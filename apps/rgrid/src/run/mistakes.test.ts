import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FakePlatform } from '../testing/fake-platform.ts';
import { asOrdinaryUser, makeFolder, runCli } from '../testing/run-cli.ts';

let platform: FakePlatform;
let cwd = '';

beforeEach(async () => {
  platform = await FakePlatform.start();
  cwd = makeFolder('mistakes', {
    'x.py': 'print(1)\n',
    'data.csv': 'a',
    'plain.txt': 'no script',
    'dir/a': '',
  });
  symlinkSync('nowhere.py', join(cwd, 'broken.py'));
});
afterEach(() => platform.stop());

describe('a mistake is said in one sentence before anything is sent', () => {
  it.each([
    [['run'], 'which script? rgrid run SCRIPT [ARGS…] (rgrid run --help)'],
    [
      ['run', '--batch', 'x.py'],
      'which script? --batch took x.py for an input; the script stands before it: rgrid run SCRIPT --batch FILE…',
    ],
    [['help', 'nope'], 'there is no verb "nope" (rgrid --help)'],
    [['help', 'stauts'], 'there is no verb "stauts"; did you mean status?'],
    [['run', 'y.py'], 'there is no script y.py; did you mean x.py?'],
    [['run', 'dir'], 'dir is a folder, not a script'],
    [['run', 'broken.py'], 'broken.py is a symbolic link to nothing'],
    [['run', 'plain.txt'], 'cannot tell how to run plain.txt'],
    [['run', `${'x'.repeat(300)}.py`], 'there is no script xxx'],
    [['run', 'x.py', 'broken.py'], 'broken.py is a symbolic link to nothing'],
    [['run', 'x.py', '../missing.csv'], '../missing.csv does not exist'],
    [['run', 'x.py', '--batch'], '--batch names no input'],
    [['run', 'x.py', '--batch', '*.tsv'], '--batch *.tsv: no file matches'],
    [['run', 'x.py', '--batch', 'data.csv', 'data.csv'], '--batch: data.csv is given twice'],
    [['run', '--timeout', 'soon', 'x.py'], '--timeout soon: not a duration'],
    [['run', '--max-wait', '31d', 'x.py'], '--max-wait 31d: from 1s to 30d'],
    [['run', '--memory', '1', 'x.py'], '--memory 1: at least 16MiB'],
    [
      ['run', 'x.py', '--memory', '4'],
      '--memory 4: at least 16MiB (to give it to x.py, write -- before it)',
    ],
    [['run', '--cpu', '0', 'x.py'], '--cpu 0: not a number from 0.1 to 512'],
    [['run', '--parallel', '0', 'x.py'], '--parallel 0: not a whole number from 1'],
    [['run', '--priority', 'high', 'x.py'], '--priority high: not a whole number'],
    [
      ['run', '--sandbox', 'jail', 'x.py'],
      '--sandbox jail: choose docker, bubblewrap, namespaces or process',
    ],
    [
      ['run', '--runtime', 'cobol', 'x.py'],
      '--runtime cobol: not one of python, node, bash, sh, ruby, perl, php, lua, julia, Rscript; an image is written with its tag (cobol:latest)',
    ],
    [
      ['run', '--runtime', 'a/b', '--image', 'c', 'x.py'],
      '--runtime a/b is an image too: give one of --runtime and --image',
    ],
    [['run', '--env', '1A=x', 'x.py'], '--env 1A: not the name of a variable'],
    [['run', '--env', 'NOT_SET_HERE', 'x.py'], '--env NOT_SET_HERE: it is not set here'],
    [['run', '--metadata', 'novalue', 'x.py'], '--metadata novalue: write it as NAME=VALUE'],
    [
      ['run', '--requirements', 'none.txt', 'x.py'],
      '--requirements none.txt: there is no such file',
    ],
    [['run', '--project', 'dir', 'x.py'], 'must be the current folder or one above it'],
    [['run', '--flat', 'x.py'], '--flat is for batches'],
    [['run', '--tag', 'x.py'], '--tag is for batches: add --batch'],
    [['run', '--parallel', '3', 'x.py'], '--parallel is for batches: add --batch'],
    [['run', '--output-dir', 'data.csv', 'x.py'], '--output-dir data.csv: it is a file'],
    [['run', '-o', 'data.csv/x/y', 'x.py'], '--output-dir data.csv/x/y: a file is in the way'],
    [
      ['run', '-o', 'broken.py', 'x.py'],
      '--output-dir broken.py: it is a symbolic link to nothing',
    ],
    [['run', '--local', '--check', 'x.py'], '--local and --check exclude each other'],
    [['run', '--timout', '5', 'x.py'], 'there is no flag --timout; did you mean --timeout?'],
    [['rum', 'x.py'], 'there is no verb "rum"; did you mean run?'],
    [['status', 'UPPER'], 'UPPER is neither the id of a batch nor of an execution'],
    [['list', '--state', 'done'], '--state done: there is no such state'],
    [['logs'], 'which run? rgrid logs ID'],
    [['cancel'], 'cancel what?'],
    [['cost', '--since', 'yesterday'], '--since yesterday: write a day'],
    [['completion', 'tcsh'], 'for which shell?'],
  ])('%j', async (words, message) => {
    const { exitCode, stderr, stdout } = await runCli(platform, words, { cwd });
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^rgrid: [^\n]+\n$/);
    expect(stderr).toContain(message);
    expect(platform.requests).toEqual([]);
  });

  it.each([
    ['requirements.txt', 'requests\n./mypkg\n', 'x.py', './mypkg'],
    ['requirements.txt', '-e .  # this\n', 'x.py', '.'],
    ['package.json', '{"dependencies": {"a": "1.0.0", "b": "file:../b"}}', 'x.js', 'file:../b'],
  ])('about a %s that names what lies here: %j', async (name, text, script, named) => {
    writeFileSync(join(cwd, name), text);
    writeFileSync(join(cwd, 'x.js'), '');
    const { exitCode, stderr } = await runCli(platform, ['run', script], { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toBe(
      `rgrid: ${name} names ${named}, which lies here and cannot be installed there: take it out and import it, as the project travels anyway, or list what it depends on instead\n`,
    );
    expect(platform.requests).toEqual([]);
    const none = ['run', '--requirements', 'none', script];
    expect(await runCli(platform, none, { cwd })).toMatchObject({ exitCode: 0 });
  });

  it('about a project that is too large, with the largest entries', async () => {
    execFileSync('truncate', ['-s', '250MB', join(cwd, 'huge.bin')]);
    const { exitCode, stderr } = await runCli(platform, ['run', 'x.py'], { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('250 MB  huge.bin');
    expect(stderr).toContain('add --yes');
    expect(platform.requests).toEqual([]);
  });

  it('not about a large file that an argument names', async () => {
    execFileSync('truncate', ['-s', '250MB', join(cwd, 'huge.bin')]);
    const { exitCode, stdout } = await runCli(platform, ['run', '--dry-run', 'x.py', 'huge.bin'], {
      cwd,
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('250 MB  huge.bin');
  });

  it('about a place for outputs that cannot be written to', async () => {
    mkdirSync(join(cwd, 'closed'), { mode: 0o555 });
    const { exitCode, stderr } = await asOrdinaryUser(cwd, () =>
      runCli(platform, ['run', '-o', 'closed/out', 'x.py'], { cwd }),
    );
    expect([exitCode, stderr]).toEqual([2, 'rgrid: --output-dir closed/out: permission denied\n']);
    writeFileSync(join(cwd, 'outputs'), 'a file');
    const batch = await runCli(platform, ['run', 'x.py', '--batch', 'data.csv'], { cwd });
    expect(batch.stderr).toContain('outputs, the folder for what a batch makes: it is a file');
    expect(platform.requests).toEqual([]);
  });

  it('about a file that cannot be read', async () => {
    chmodSync(join(cwd, 'data.csv'), 0);
    const { exitCode, stderr } = await asOrdinaryUser(cwd, () =>
      runCli(platform, ['run', 'x.py'], { cwd }),
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('data.csv: permission denied');
  });

  it('about --env without showing the value', async () => {
    const { stderr } = await runCli(platform, ['run', '--secret', 'A=hush\0', 'x.py'], {
      cwd,
    });
    expect(stderr).toContain('--secret A: the value holds a NUL byte');
    expect(stderr).not.toContain('hush');
  });
});

describe('an argument that names nothing', () => {
  it.each([
    ['out/result.csv'],
    ['/api/v1/users'],
    ['/tmp/scratch-folder'],
    ['a/b/../c'],
    ['-5'],
    ['https://example.com/x.csv'],
  ])('%s is passed on', async (word) => {
    const { exitCode } = await runCli(platform, ['run', 'x.py', word], { cwd });
    expect(exitCode).toBe(0);
    expect(platform.lastSubmission.executions[0]?.args).toEqual([word]);
  });

  it('is passed on behind -- although it could only be an input', async () => {
    const { exitCode } = await runCli(platform, ['run', 'x.py', '--', '../missing.csv'], { cwd });
    expect(exitCode).toBe(0);
  });
});

it('--dry-run names what travels and shows no secret', async () => {
  writeFileSync(join(cwd, 'requirements.txt'), 'requests==2.0 # why\n-r more.txt\n');
  writeFileSync(join(cwd, 'more.txt'), 'numpy\n');
  const { stdout } = await runCli(
    platform,
    ['run', '--dry-run', '--secret', 'A=hushhush', 'x.py', 'a b'],
    { cwd },
  );
  expect(stdout).toContain('pip: requirements.txt, more.txt');
  expect(stdout).toContain('x.py "a b"');
  expect(stdout).not.toContain('hushhush');
  expect(platform.requests).toEqual([]);
});
