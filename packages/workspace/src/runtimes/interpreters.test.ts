import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { findInterpreters } from './interpreters.ts';

const PATH = execFileSync('sh', ['-c', 'printf %s "$PATH"'], { encoding: 'utf8' });

describe('on this machine', () => {
  test('Python and Node are found, as programs that run', async () => {
    const found = await findInterpreters(PATH);
    expect(found.get('node')?.path).toBe(await realpath(process.execPath));
    expect(found.get('node')?.version).toBe(process.version);
    const python = found.get('python');
    expect(python?.version).toMatch(/^3\.\d+/);
    expect(found.get('python3')?.path).toBe(python?.path);
    expect(execFileSync(python?.path ?? '', ['-c', 'print(6 * 7)'], { encoding: 'utf8' })).toBe(
      '42\n',
    );
    expect(found.get('sh')?.path).toMatch(/sh$/);
    for (const { path, mounts } of found.values()) {
      expect(isAbsolute(path)).toBe(true);
      for (const mount of mounts) expect(mount).not.toMatch(/^\/(usr|bin|lib|lib64|sbin)?$/);
    }
  });
});

describe('on another', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nexus-interpreters-'));
    for (const [name, text] of Object.entries({
      // A shim of a version manager for a version that is not switched on.
      'shims/python3.99': '#!/bin/sh\necho "not installed" >&2; exit 127',
      'real/python3.99':
        '#!/bin/sh\nprintf "/opt/py/bin/python3.99\\n/opt/py\\n/opt/venv\\n3.99.1\\n"',
      'real/perl': '#!/bin/sh\nexit 0',
    })) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), text);
      await chmod(join(folder, name), 0o755);
    }
    await writeFile(join(folder, 'real/ruby'), 'not executable');
    await symlink('perl', join(folder, 'real/lua'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('a version that only pretends to be there is passed over for the next folder', async () => {
    const found = await findInterpreters(
      [join(folder, 'nothing'), 'relative', join(folder, 'shims'), join(folder, 'real')].join(
        delimiter,
      ),
    );
    expect(found.get('python3.99')).toEqual({
      name: 'python3.99',
      path: '/opt/py/bin/python3.99',
      version: '3.99.1',
      mounts: ['/opt/venv', '/opt/py'],
    });
    expect(found.has('python3')).toBe(false);
    expect(found.has('ruby')).toBe(false);
    expect(found.get('perl')).toMatchObject({ mounts: [folder] });
    expect(found.get('lua')?.path).toBe(await realpath(join(folder, 'real/perl')));
  });

  test('with an empty PATH there is Node alone', async () => {
    expect([...(await findInterpreters('')).keys()]).toEqual(['node']);
  });
});
