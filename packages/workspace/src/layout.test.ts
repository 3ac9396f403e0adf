import { describe, expect, test } from 'vitest';

import type { FileEntry, ManifestEntry } from '@nexus/grid/contract';

import { findFile } from './find-file.ts';
import { findRelocations, planLayout } from './layout.ts';

function file(path: string): FileEntry {
  return { type: 'file', path, mode: 0o644, sizeBytes: 0, sha256: 'a'.repeat(64) };
}

interface Given {
  root?: string;
  script?: string;
  workingDirectory?: string;
  paths?: string[];
  input?: string;
  args?: string[];
}

function plan({
  root = '/home/ana/project',
  script = 'main.py',
  workingDirectory = '',
  paths = ['main.py'],
  input,
  args = [],
}: Given) {
  const layout = planLayout({
    spec: { root, script, workingDirectory },
    project: { entries: paths.map(file) },
    input: input === undefined ? null : file(input),
    args,
  });
  return { ...layout, entries: layout.entries.map((entry) => entry.path) };
}

test.each<[string, Given, Partial<ReturnType<typeof plan>>]>([
  [
    'an ordinary project stays where it is',
    {},
    {
      root: '/home/ana/project',
      cwd: '/home/ana/project',
      script: 'main.py',
      entries: ['/home/ana/project/main.py'],
      topFolders: ['/home'],
    },
  ],
  [
    'a folder below is the working directory',
    { workingDirectory: 'sub/deep', script: 'sub/main.py', paths: ['sub/main.py'] },
    { cwd: '/home/ana/project/sub/deep', script: '../main.py' },
  ],
  [
    'a script in a folder below',
    { script: 'src/main.py', paths: ['src/main.py'] },
    { cwd: '/home/ana/project', script: 'src/main.py' },
  ],
  [
    'a script that looks like an option',
    { script: '-x.py', paths: ['-x.py'] },
    { script: './-x.py' },
  ],
  [
    'a folder that looks like an option',
    { script: '-d/x.py', paths: ['-d/x.py'] },
    { script: './-d/x.py' },
  ],
  [
    'a script outside of the project',
    { script: '/opt/tools/run.py', paths: ['/opt/tools/run.py'] },
    { script: '/opt/tools/run.py', entries: ['/opt/tools/run.py'], topFolders: ['/home', '/opt'] },
  ],
  [
    'a file outside of the project',
    { paths: ['main.py', '/srv/data/in.csv'], args: ['/srv/data/in.csv'] },
    { args: ['/srv/data/in.csv'], topFolders: ['/home', '/srv'] },
  ],
  [
    'a file where the system is',
    {
      paths: ['main.py', '/usr/share/dict/words'],
      args: ['/usr/share/dict/words', '--dict=/usr/share/dict/words', '-d=/usr/share/dict/words'],
    },
    {
      args: [
        '/rgrid/usr/share/dict/words',
        '--dict=/rgrid/usr/share/dict/words',
        '-d=/rgrid/usr/share/dict/words',
      ],
      entries: ['/home/ana/project/main.py', '/rgrid/usr/share/dict/words'],
      topFolders: ['/home', '/rgrid'],
    },
  ],
  [
    'a folder where the system is, and a file in it, however they are written',
    {
      paths: ['main.py', '/etc/app/conf/a.ini'],
      args: ['/etc/app', '--conf=/etc/app/conf/', '/etc/app/../app/conf/a.ini', '/etc/other'],
    },
    {
      args: [
        '/rgrid/etc/app',
        '--conf=/rgrid/etc/app/conf/',
        '/rgrid/etc/app/conf/a.ini',
        '/etc/other',
      ],
    },
  ],
  [
    'a path inside other text is left alone',
    {
      paths: ['/etc/hosts'],
      args: [
        'x/etc/hosts',
        '/etc/hosts.bak',
        'a=/etc/hosts',
        '/etc',
        'cat /etc/hosts',
        '--file /etc/hosts',
      ],
    },
    {
      args: [
        'x/etc/hosts',
        '/etc/hosts.bak',
        'a=/etc/hosts',
        '/etc',
        'cat /etc/hosts',
        '--file /etc/hosts',
      ],
    },
  ],
  [
    'a project where the system is',
    { root: '/usr/src/app', args: ['/usr/src/app', '/usr/src/other'] },
    {
      root: '/rgrid/usr/src/app',
      cwd: '/rgrid/usr/src/app',
      entries: ['/rgrid/usr/src/app/main.py'],
      args: ['/rgrid/usr/src/app', '/usr/src/other'],
      topFolders: ['/rgrid'],
    },
  ],
  [
    'a script where the system is',
    { script: '/bin/tool.sh', paths: ['/bin/tool.sh'] },
    { script: '/rgrid/bin/tool.sh' },
  ],
  [
    'a folder whose name only begins like one of the system',
    { root: '/users/ana', args: ['/binary'] },
    { root: '/users/ana', args: ['/binary'] },
  ],
  [
    'a project that is the whole machine',
    { root: '/', paths: ['main.py'] },
    { cwd: '/rgrid/', entries: ['/rgrid/main.py'], topFolders: ['/rgrid'] },
  ],
  [
    'a project at the top',
    { root: '/work', paths: ['main.py'] },
    { root: '/work', topFolders: ['/work'] },
  ],
  [
    'the input of an execution beside the project',
    { input: 'data/a.csv', args: ['data/a.csv'] },
    {
      entries: ['/home/ana/project/main.py', '/home/ana/project/data/a.csv'],
      args: ['data/a.csv'],
    },
  ],
  [
    'an input that the project has, too, once',
    { paths: ['main.py', 'data/a.csv'], input: 'data/a.csv' },
    { entries: ['/home/ana/project/main.py', '/home/ana/project/data/a.csv'] },
  ],
  [
    'an input where the system is',
    { input: '/etc/hosts', args: ['/etc/hosts'] },
    { args: ['/rgrid/etc/hosts'] },
  ],
])('%s', (_name, given, expected) => {
  expect(plan(given)).toMatchObject(expected);
});

test.each(['bin', 'boot', 'dev', 'etc', 'lib', 'lib64', 'proc', 'run', 'sbin', 'sys', 'usr'])(
  '/%s is never covered',
  (name) => {
    const { topFolders } = plan({ root: `/${name}/project`, paths: [`/${name}/x`, `/${name}`] });
    expect(topFolders).toEqual(['/rgrid']);
  },
);

describe('the file behind a path', () => {
  const link = (path: string, target: string): ManifestEntry => ({ type: 'symlink', path, target });
  const entries = [
    file('/p/src/main.py'),
    { type: 'directory' as const, path: '/p/src', mode: 0o755 },
    link('/p/main.py', 'src/main.py'),
    link('/p/again', './main.py'),
    link('/p/absolute', '/p/src/main.py'),
    link('/p/src/up', '../main.py'),
    link('/p/outside', '/etc/passwd'),
    link('/p/above', '../../etc/passwd'),
    link('/p/loop', 'loop'),
    link('/p/folder', 'src'),
  ];

  test.each(['/p/src/main.py', '/p/main.py', '/p/again', '/p/absolute', '/p/src/up'])(
    '%s is found',
    (path) => {
      expect(findFile(entries, path)?.path).toBe('/p/src/main.py');
    },
  );

  test.each(['/p/outside', '/p/above', '/p/loop', '/p/folder', '/p/src', '/p/nothing'])(
    '%s is none',
    (path) => {
      expect(findFile(entries, path)).toBeUndefined();
    },
  );
});

test('arguments that are other paths inside are told, each once', () => {
  const project = { entries: ['main.py', '/etc/hosts', '/srv/a'].map((path) => file(path)) };
  const spec = { root: '/home/ana/project', script: 'main.py', workingDirectory: '' };
  const args = ['/etc/hosts', '--in=/etc/hosts', '/srv/a', 'main.py', '/etc/passwd'];
  expect(findRelocations({ spec, project, input: null, args })).toEqual([
    { path: '/etc/hosts', inside: '/rgrid/etc/hosts' },
  ]);
});
