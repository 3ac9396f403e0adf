import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import {
  appendFile,
  chmod,
  link,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { FileEntry, ManifestEntry } from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';

import { materialize, takeBaseline } from './materialize.ts';
import { scanChanges, type Changes } from './scan-changes.ts';

const ROOT = '/home/ana/project';

let folder: string;
let tree: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-workspace-'));
  tree = join(folder, 'tree');
});

afterEach(() => {
  // As an attempt ends: whatever the script did to its folders, they can be removed.
  execFileSync('chmod', ['-R', 'u+rwX', folder]);
  execFileSync('rm', ['-rf', folder]);
});

function file(path: string, content = '', mode = 0o644): ManifestEntry {
  return {
    type: 'file',
    path: join(ROOT, path),
    mode,
    sizeBytes: content.length,
    sha256: sha256(content),
  };
}

/** Lays out the files (content by path, `path@mode` for another mode) and other entries, lets the script work, and looks. */
async function run(
  given: Record<string, string>,
  script: (project: string) => Promise<unknown>,
  others: readonly ManifestEntry[] = [],
): Promise<Changes> {
  const contents = new Map<string, string>();
  const entries = Object.entries(given).map(([name, content]) => {
    const [path = '', mode] = name.split('@');
    const entry = file(path, content, mode === undefined ? 0o644 : Number.parseInt(mode, 8));
    contents.set(entry.path, content);
    return entry;
  });
  const all = [...entries, ...others];
  const source = {
    place: async (entry: FileEntry, destination: string) =>
      writeFile(destination, contents.get(entry.path) ?? ''),
  };
  await materialize({ tree, entries: all, folders: [ROOT], owner: null, source });
  const baseline = await takeBaseline(tree, all);
  await script(join(tree, ROOT));
  return scanChanges({ tree, root: ROOT, baseline, exclude: [join(ROOT, 'node_modules')] });
}

function summary({ manifest }: Changes): string[] {
  return manifest.entries.map((entry) => {
    if (entry.type === 'symlink') return `${entry.path} -> ${entry.target}`;
    return `${entry.path}${entry.type === 'directory' ? '/' : ''} ${entry.mode.toString(8)}`;
  });
}

describe('what the script did comes back:', () => {
  test('nothing, if it did nothing', async () => {
    const changes = await run(
      { 'main.py': 'x', 'data/deep/in.csv': '1' },
      async (project) => readFile(join(project, 'main.py')),
      [
        { type: 'symlink', path: `${ROOT}/link`, target: 'main.py' },
        { type: 'directory', path: `${ROOT}/empty`, mode: 0o755 },
      ],
    );
    expect(changes).toEqual({ manifest: { entries: [] }, skipped: [] });
  });

  // Row 13.
  test('new files of any depth, with their bytes and modes', async () => {
    const deep = Array.from({ length: 60 }, (_, n) => `level-${n}`).join('/');
    const changes = await run({ 'main.py': 'x' }, async (project) => {
      await mkdir(join(project, deep), { recursive: true });
      await writeFile(join(project, deep, 'out.bin'), Buffer.from([0, 255, 10, 13]));
      await writeFile(join(project, 'run.sh'), 'x');
      await chmod(join(project, 'run.sh'), 0o4751);
    });
    expect(changes.manifest.entries).toHaveLength(62);
    expect(changes.manifest.entries.at(-2)).toMatchObject({
      path: `${deep}/out.bin`,
      sizeBytes: 4,
      sha256: sha256(Buffer.from([0, 255, 10, 13])),
    });
    expect(summary(changes).at(-1), 'set-id bits stay behind').toBe('run.sh 751');
  });

  test('what changed, by content or by mode', async () => {
    const changes = await run({ a: '1', b: '2', 'c@644': '3', same: '4' }, async (project) => {
      await writeFile(join(project, 'a'), 'other');
      await appendFile(join(project, 'b'), 'x');
      await chmod(join(project, 'c'), 0o755);
    });
    expect(summary(changes)).toEqual(['a 644', 'b 644', 'c 755']);
  });

  test('what was written anew, though its bytes are the same', async () => {
    const changes = await run(
      { touched: '1', rewritten: '2', replaced: '3' },
      async (project) => {
        await utimes(join(project, 'touched'), new Date(), new Date());
        await writeFile(join(project, 'rewritten'), '2');
        await writeFile(join(project, 'new'), '3');
        await rename(join(project, 'new'), join(project, 'replaced'));
        await rm(join(project, 'link'));
        await symlink('touched', join(project, 'link'));
      },
      [{ type: 'symlink', path: `${ROOT}/link`, target: 'touched' }],
    );
    expect(summary(changes)).toEqual([
      'link -> touched',
      'replaced 644',
      'rewritten 644',
      'touched 644',
    ]);
  });

  test('files are laid down with a time before now, so that a write within one tick of the clock shows', async () => {
    const laidDownAt = Date.now();
    await run({ a: '1' }, async (project) => {
      expect((await stat(join(project, 'a'))).mtimeMs).toBeLessThanOrEqual(laidDownAt - 1);
      expect((await stat(join(project, 'a'))).mtimeMs % 1000).toBe(0);
    });
  });

  test('not what was only looked at, opened, linked to, or given the mode it had', async () => {
    const changes = await run(
      { read: '1', opened: '2', linked: '3', 'moded@600': '4' },
      async (project) => {
        await readFile(join(project, 'read'));
        await utimes(join(project, 'read'), new Date(), (await stat(join(project, 'read'))).mtime);
        await appendFile(join(project, 'opened'), '');
        await link(join(project, 'linked'), join(project, '../elsewhere'));
        await chmod(join(project, 'moded'), 0o600);
      },
    );
    expect(changes.manifest.entries).toEqual([]);
  });

  test('also what was changed behind the back of its times', async () => {
    const changes = await run({ a: '1' }, async (project) => {
      const { atime, mtime } = await stat(join(project, 'a'));
      await writeFile(join(project, 'a'), '2');
      await utimes(join(project, 'a'), atime, mtime);
    });
    expect(summary(changes)).toEqual(['a 644']);
  });

  test('not what it deleted', async () => {
    const changes = await run({ a: '1', 'd/b': '2' }, async (project) => {
      await rm(join(project, 'a'));
      await rm(join(project, 'd'), { recursive: true });
    });
    expect(changes).toEqual({ manifest: { entries: [] }, skipped: [] });
  });

  test('one kind of thing in place of another', async () => {
    const changes = await run(
      { file: '1', other: '2' },
      async (project) => {
        await rm(join(project, 'file'));
        await mkdir(join(project, 'file'));
        await rm(join(project, 'other'));
        await symlink('file', join(project, 'other'));
        await rm(join(project, 'link'));
        await writeFile(join(project, 'link'), 'now a file');
        await rm(join(project, 'folder'), { recursive: true });
        await writeFile(join(project, 'folder'), 'now a file');
      },
      [
        { type: 'symlink', path: `${ROOT}/link`, target: 'file' },
        { type: 'directory', path: `${ROOT}/folder`, mode: 0o755 },
      ],
    );
    expect(summary(changes)).toEqual(['file/ 755', 'folder 644', 'link 644', 'other -> file']);
  });

  test('folders: empty ones, and modes that changed', async () => {
    const changes = await run({ 'd/a': '1' }, async (project) => {
      await mkdir(join(project, 'empty'));
      await chmod(join(project, 'd'), 0o700);
    });
    expect(summary(changes)).toEqual(['d/ 700', 'empty/ 755']);
  });

  test('links, as they are, wherever they lead', async () => {
    const changes = await run(
      { a: '1' },
      async (project) => {
        await symlink('a', join(project, 'good'));
        await symlink('/etc/passwd', join(project, 'outside'));
        await symlink('nowhere', join(project, 'broken'));
        await symlink('.', join(project, 'loop'));
        await rm(join(project, 'moved'));
        await symlink('good', join(project, 'moved'));
      },
      [{ type: 'symlink', path: `${ROOT}/moved`, target: 'a' }],
    );
    expect(summary(changes)).toEqual([
      'broken -> nowhere',
      'good -> a',
      'loop -> .',
      'moved -> good',
      'outside -> /etc/passwd',
    ]);
  });

  test('a file by every name it has', async () => {
    const changes = await run({ a: '1' }, async (project) =>
      link(join(project, 'a'), join(project, 'b')),
    );
    expect(summary(changes)).toEqual(['b 644']);
  });

  test('names with spaces, newlines, dashes, quotes and any letters', async () => {
    const names = [
      '-rf',
      ' ',
      'a b',
      'new\nline',
      'ünïcödé',
      '日本語',
      'it\'s "quoted"',
      '$HOME',
      '*',
      '\\',
      '.hidden',
      '...',
      'x'.repeat(255),
    ];
    const changes = await run({}, (project) =>
      Promise.all(names.map((name) => writeFile(join(project, name), name))),
    );
    expect(changes.manifest.entries.map((entry) => entry.path).toSorted()).toEqual(
      names.toSorted(),
    );
    expect(changes.skipped).toEqual([]);
  });

  test('files and folders whose permissions the script took away', async () => {
    const changes = await run({}, async (project) => {
      await mkdir(join(project, 'closed/deeper'), { recursive: true });
      await writeFile(join(project, 'closed/deeper/file'), 'inside');
      await writeFile(join(project, 'unreadable'), 'still here');
      await chmod(join(project, 'unreadable'), 0);
      await chmod(join(project, 'closed/deeper'), 0o100);
      await chmod(join(project, 'closed'), 0);
    });
    expect(summary(changes)).toEqual([
      'closed/ 0',
      'closed/deeper/ 100',
      'closed/deeper/file 644',
      'unreadable 0',
    ]);
    expect(changes.manifest.entries.at(-1)).toMatchObject({ sha256: sha256('still here') });
  });
});

describe('what cannot come back is named:', () => {
  test('special files', async () => {
    const changes = await run({}, async (project) => {
      execFileSync('mkfifo', [join(project, 'pipe')]);
      execFileSync(
        'python3',
        ['-c', 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', 'socket'],
        { cwd: project },
      );
      await writeFile(join(project, 'plain'), 'x');
    });
    expect(summary(changes)).toEqual(['plain 644']);
    expect(changes.skipped.toSorted()).toEqual(
      ['pipe', 'socket'].map((name) => `"${ROOT}/${name}" (neither file, folder nor link)`),
    );
  });

  test('names that are not UTF-8', async () => {
    const changes = await run({}, async (project) => {
      await writeFile(Buffer.concat([Buffer.from(`${project}/bad`), Buffer.from([0xff])]), 'x');
      await mkdir(Buffer.concat([Buffer.from(`${project}/folder`), Buffer.from([0xfe])]));
      await writeFile(join(project, 'good'), 'x');
    });
    expect(summary(changes)).toEqual(['good 644']);
    expect(changes.skipped).toHaveLength(2);
    expect(changes.skipped.join()).toContain('its name is not UTF-8');
  });

  test('links to what is not UTF-8', async () => {
    const changes = await run({}, async (project) =>
      symlink(Buffer.from([0x61, 0xff]), join(project, 'link')),
    );
    expect(changes.manifest.entries).toEqual([]);
    expect(changes.skipped.join()).toContain('link');
  });

  test('trees deeper than any path can say', async () => {
    const script = [
      'import os',
      'for n in range(60):',
      '  os.mkdir("d" * 100); os.chdir("d" * 100)',
      '  open("f", "w").close()',
    ].join('\n');
    const changes = await run({}, async (project) => {
      execFileSync('python3', ['-c', script], { cwd: project });
      await writeFile(join(project, 'plain'), 'x');
    });
    expect(summary(changes).at(-1)).toBe('plain 644');
    expect(changes.manifest.entries.length).toBeGreaterThan(30);
    for (const entry of changes.manifest.entries) expect(entry.path.length).toBeLessThan(4096);
    expect(changes.skipped.join()).toContain('too long');
  });
});

test('what the interpreter and the platform left is not the script’s', async () => {
  const changes = await run({}, async (project) => {
    await mkdir(join(project, 'pkg/__pycache__'), { recursive: true });
    await writeFile(join(project, 'pkg/__pycache__/x.pyc'), 'x');
    await mkdir(join(project, 'node_modules/left-pad'), { recursive: true });
    await writeFile(join(project, 'node_modules/left-pad/index.js'), 'x');
  });
  expect(summary(changes)).toEqual(['pkg/ 755']);
});

describe('a project folder that the script', () => {
  test('removed gives nothing back', async () => {
    const changes = await run({ a: '1' }, async (project) =>
      rm(dirname(project), { recursive: true }),
    );
    expect(changes.manifest.entries).toEqual([]);
  });

  test('replaced by a file gives nothing back', async () => {
    const changes = await run({ a: '1' }, async (project) => {
      await rm(project, { recursive: true });
      await writeFile(project, 'now a file');
    });
    expect(changes.manifest.entries).toEqual([]);
  });

  // Outside of the sandbox the link leads to this machine's own files.
  test.each(['', '..'])(
    'replaced by a link out of the sandbox gives nothing of the machine away %s',
    async (above) => {
      const outside = join(folder, 'outside');
      await mkdir(join(outside, 'project'), { recursive: true });
      await writeFile(join(outside, 'secret'), 'of the machine');
      await writeFile(join(outside, 'project', 'secret'), 'of the machine');
      const changes = await run({ a: '1' }, async (project) => {
        const replaced = join(project, above);
        await rm(replaced, { recursive: true });
        await symlink(outside, replaced);
      });
      expect(changes.manifest.entries).toEqual([]);
      expect(changes.skipped.join()).toContain(ROOT);
    },
  );

  test('closed is opened again', async () => {
    const changes = await run({ a: '1' }, async (project) => {
      await writeFile(join(project, 'made'), 'x');
      chmodSync(project, 0);
    });
    expect(summary(changes)).toEqual(['made 644']);
    expect(existsSync(join(tree, ROOT, 'made'))).toBe(true);
  });
});
