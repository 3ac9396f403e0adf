import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import { gather } from './gather.ts';
import { ProjectFolder } from './project-folder.ts';
import { describeStaying } from './staying.ts';
import { makeFolder } from '../testing/run-cli.ts';

let base = '';
let root = '';

beforeEach(() => {
  base = makeFolder('project');
  root = join(base, 'project');
  put('project/run.py', 'project/lib/tool.py');
});

function put(...names: string[]): void {
  for (const name of names) {
    const path = join(base, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, name);
  }
}

function found(words: string[] = [], excluded: string[] = []) {
  const project = new ProjectFolder(root, root);
  const findings = gather({ project, required: ['run.py'], words, excluded });
  return {
    files: [...findings.files.keys()].sort(),
    directories: [...findings.directories.keys()].sort(),
    symlinks: Object.fromEntries(findings.symlinks),
    notes: describeStaying(findings.staying),
    modes: Object.fromEntries([...findings.files].map(([path, file]) => [path, file.mode])),
  };
}

describe('what travels', () => {
  it('is every file with its mode, and empty folders', () => {
    put('project/a b.txt', 'project/new\nline', 'project/-dash', 'project/ünï');
    chmodSync(join(root, 'run.py'), 0o755);
    mkdirSync(join(root, 'empty/inner'), { recursive: true });
    const { files, directories, modes } = found();
    expect(files).toEqual(['-dash', 'a b.txt', 'lib/tool.py', 'new\nline', 'run.py', 'ünï']);
    expect(directories).toEqual(['empty/inner']);
    expect(modes['run.py']).toBe(0o755);
  });

  it('leaves out what is never part of a project', () => {
    put(
      'project/.git/config',
      'project/__pycache__/x.pyc',
      'project/node_modules/a/b.js',
      'project/.venv/bin/x',
      'project/x.pyc',
      'project/.rgrid/x',
    );
    expect(found().files).toEqual(['lib/tool.py', 'run.py']);
  });

  it('leaves out what rgrid laid beside a file, whatever was ignored or not', () => {
    put('project/.env', 'project/.env.remote-k3m9x7-0', 'project/data.remote-k3m9x7-0/x');
    put('project/.rgrid-0123456789abcdef.part', 'project/x.remote-control.md');
    writeFileSync(join(root, '.gitignore'), '.env\n');
    expect(found().files).toEqual(['.gitignore', 'lib/tool.py', 'run.py', 'x.remote-control.md']);
  });

  it('honours .gitignore, nested and inherited from the repository above', () => {
    put('.git/config', 'project/a.log', 'project/lib/a.tmp', 'project/lib/b.tmp', 'project/out/x');
    writeFileSync(join(base, '.gitignore'), '/project/out/\n*.log\n');
    writeFileSync(join(root, 'lib/.gitignore'), '*.tmp\n!b.tmp\n');
    expect(found().files).toEqual(['lib/.gitignore', 'lib/b.tmp', 'lib/tool.py', 'run.py']);
  });

  it('does not look at ignore files above when there is no repository', () => {
    put('project/a.log');
    writeFileSync(join(base, '.gitignore'), '*.log\n');
    expect(found().files).toContain('a.log');
  });

  it('lets .rgridignore win in both directions', () => {
    put('project/data/big.bin', 'project/data/small.csv', 'project/cache/x', 'project/notes.txt');
    writeFileSync(join(root, '.gitignore'), 'data/\ncache/\n');
    writeFileSync(join(root, '.rgridignore'), '!data/\n*.bin\nnotes.txt\n');
    expect(found().files).toEqual([
      '.gitignore',
      '.rgridignore',
      'data/small.csv',
      'lib/tool.py',
      'run.py',
    ]);
  });

  it('treats names as case-sensitive, as git does', () => {
    put('project/DATA', 'project/data2/x');
    writeFileSync(join(root, '.gitignore'), 'data\n');
    expect(found().files).toContain('DATA');
  });

  it('leaves out the inputs of a batch and the output folder, unless an argument names them', () => {
    put('project/data/a.csv', 'project/data/b.csv', 'project/outputs/a.csv/r.txt');
    const excluded = [join(root, 'data/a.csv'), join(root, 'data/b.csv'), join(root, 'outputs')];
    expect(found([], excluded)).toMatchObject({
      files: ['lib/tool.py', 'run.py'],
      directories: ['data'],
    });
    expect(found(['data/b.csv'], excluded).files).toEqual(['data/b.csv', 'lib/tool.py', 'run.py']);
  });
});

describe('what arguments name', () => {
  it('travels although it is ignored, folders with all they hold', () => {
    put('project/data/in.csv', 'project/cache/a/b', 'project/cache/__pycache__/x');
    writeFileSync(join(root, '.gitignore'), 'data/\ncache\n');
    const { files } = found(['data/in.csv', '--cache=cache']);
    expect(files).toEqual(['.gitignore', 'cache/a/b', 'data/in.csv', 'lib/tool.py', 'run.py']);
  });

  it('travels under its absolute path when it is outside of the project', () => {
    put('shared/in.csv', 'shared/deep/x.txt', 'other/y.txt');
    const { files } = found(['../shared/in.csv', `--dir=${base}/other`]);
    expect(files).toEqual(
      [join(base, 'other/y.txt'), join(base, 'shared/in.csv'), 'lib/tool.py', 'run.py'].sort(),
    );
  });

  it('stays here when it is a system folder, a device or a folder around the project', () => {
    expect(found(['/', '..', base, '/tmp', '/usr/bin/env', '/dev/null', '.', '']).files).toEqual([
      'lib/tool.py',
      'run.py',
    ]);
  });

  it('is refused when it is a broken link', () => {
    symlinkSync('nowhere', join(root, 'in.csv'));
    expect(() => found(['in.csv'])).toThrow('in.csv is a symbolic link to nothing');
  });
});

describe('symbolic links', () => {
  it('travel as links while they stay in the project, broken ones too', () => {
    symlinkSync('lib/tool.py', join(root, 'tool'));
    symlinkSync(join(root, 'lib'), join(root, 'absolute'));
    symlinkSync('not-yet', join(root, 'broken'));
    expect(found().symlinks).toEqual({
      tool: 'lib/tool.py',
      absolute: join(root, 'lib'),
      broken: 'not-yet',
    });
  });

  it('stay here with one line for all when they lead outside', () => {
    put('secret/key');
    symlinkSync('../secret', join(root, 'away'));
    const one = found();
    expect(one).toMatchObject({ files: ['lib/tool.py', 'run.py'], symlinks: {} });
    expect(one.notes).toEqual([
      '1 symbolic link leads out of the project and stays here: away (to send one, name it as an argument)',
    ]);
    for (const name of 'bcdefg') symlinkSync('/nowhere/at/all', join(root, name));
    expect(found().notes).toEqual([
      '7 symbolic links lead out of the project and stay here: away, b, c, d, e and 2 more names (to send one, name it as an argument)',
    ]);
  });

  it('travel as what they lead to when an argument names them', () => {
    put('secret/key', 'secret/more/x');
    symlinkSync('../secret/key', join(root, 'key'));
    symlinkSync('../secret', join(root, 'folder'));
    expect(found(['key'])).toMatchObject({ files: ['key', 'lib/tool.py', 'run.py'], symlinks: {} });
    expect(found(['folder']).files).toEqual([
      'folder/key',
      'folder/more/x',
      'lib/tool.py',
      'run.py',
    ]);
    expect(found(['folder/key']).files).toEqual(['folder/key', 'lib/tool.py', 'run.py']);
  });

  it('take an ignored target along when an argument names them', () => {
    put('project/store/v2.csv', 'project/real/in.csv');
    symlinkSync('store/v2.csv', join(root, 'latest.csv'));
    symlinkSync('real', join(root, 'data'));
    writeFileSync(join(root, '.gitignore'), 'store/\nreal/\n');
    const { files, symlinks } = found(['latest.csv', 'data/in.csv']);
    expect(files).toEqual(['.gitignore', 'lib/tool.py', 'real/in.csv', 'run.py', 'store/v2.csv']);
    expect(symlinks).toEqual({ 'latest.csv': 'store/v2.csv', data: 'real' });
  });
});

it('skips pipes and sockets with a line', async () => {
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const server = createServer().listen(join(root, 'socket'));
  await new Promise((done) => server.once('listening', done));
  const { notes } = found();
  server.close();
  expect(notes).toEqual(['1 named pipe stays here: pipe', '1 socket stays here: socket']);
});

it('names the file whose name is not UTF-8, unless it is ignored', () => {
  writeFileSync(
    Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9]), Buffer.from('.txt')]),
    '',
  );
  put('project/real-\u{FFFD}-letter');
  expect(() => found()).toThrow(`the name of ${root}/caf\\xe9.txt is not valid UTF-8`);
  writeFileSync(join(root, '.rgridignore'), 'caf*\n');
  expect(found().files).toContain('real-\u{FFFD}-letter');
});
