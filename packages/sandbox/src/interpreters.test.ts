import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findInterpreter, findInterpreters } from './interpreters.ts';

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-interpreters-')));
});
afterAll(() => rmSync(folder, { recursive: true }));

function makeProgram(path: string, script: string): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Answers the probe as an interpreter installed in `prefix` would. */
function makePython(prefix: string, version: string, name = 'python3'): string {
  const path = join(prefix, 'bin', name);
  return makeProgram(
    path,
    `printf '%s\\n' '${path}' '${version}' '${prefix}' '${prefix}' '${prefix}'`,
  );
}

const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/' };

test('finds the worker’s own Node and what it needs', async () => {
  const node = await findInterpreter('node', { env });
  expect(node).toMatchObject({ path: process.execPath, version: process.versions.node });
  for (const { source, target, access } of node?.mounts ?? []) {
    expect([source, access]).toEqual([target, 'read']);
    expect(process.execPath.startsWith(source)).toBe(true);
  }
});

test('finds system shells, which need no mounts', async () => {
  expect(await findInterpreter('sh', { env })).toMatchObject({ name: 'sh', mounts: [] });
});

test('sees through a shim to the real program and mounts its installation', async () => {
  const prefix = join(folder, 'versions', '3.11.7');
  const real = makePython(prefix, '3.11.7');
  makeProgram(join(folder, 'shims', 'python3'), `exec '${real}' "$@"`);
  const python = await findInterpreter('python3', { env: { PATH: join(folder, 'shims') } });
  expect(python).toEqual({
    name: 'python3',
    path: real,
    version: '3.11.7',
    mounts: [{ source: prefix, target: prefix, access: 'read' }],
  });
});

test('goes on along PATH when a shim has nothing behind it', async () => {
  makeProgram(join(folder, 'broken', 'python3'), 'echo "version not installed" >&2; exit 127');
  const real = makePython(join(folder, 'works'), '3.13.0');
  const PATH = `${join(folder, 'broken')}:${join(folder, 'works', 'bin')}`;
  expect((await findInterpreter('python3', { env: { PATH } }))?.path).toBe(real);
});

test('finds another version beside the default one', async () => {
  const versions = join(folder, 'managed');
  makePython(join(versions, '3.11.7'), '3.11.7');
  const wanted = makePython(join(versions, '3.12.1'), '3.12.1', 'python3.12');
  const search = { env: { PATH: join(versions, '3.11.7', 'bin') } };
  expect((await findInterpreter('python3.12', search))?.path).toBe(wanted);
  expect(await findInterpreter('python3.99', search)).toBeNull();
});

test('mounts a program that stands alone as a file, never the directory around it', async () => {
  const program = makeProgram(join(folder, 'home', 'bin', 'lua'), 'echo "Lua 5.4.6"');
  mkdirSync(join(folder, 'path'), { recursive: true });
  symlinkSync(program, join(folder, 'path', 'lua'));
  expect(await findInterpreter('lua', { env: { PATH: join(folder, 'path') } })).toEqual({
    name: 'lua',
    path: program,
    version: '5.4.6',
    mounts: [{ source: program, target: program, access: 'read' }],
  });
});

test('finds what is there and leaves out what is not', async () => {
  const found = await findInterpreters({ env: { PATH: '/nowhere' } });
  expect(found.map(({ name }) => name)).toEqual(['node']);
});

test('finds real interpreters that run', async () => {
  for (const { path, name } of await findInterpreters({ env })) {
    if (name === 'node' || name === 'python3')
      expect(execFileSync(path, ['--version'])).toBeTruthy();
  }
});
