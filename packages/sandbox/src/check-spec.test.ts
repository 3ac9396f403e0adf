import { expect, test } from 'vitest';
import { findSpecFault } from './check-spec.ts';
import type { SandboxSpec } from './driver.ts';

const fine: SandboxSpec = {
  id: 'a-1',
  command: ['true'],
  cwd: '/',
  env: { PATH: '/bin', _x1: '' },
  mounts: [{ source: '/a b', target: '/c\nd', access: 'read' }],
  diskRoots: [],
  limits: { cpus: 1, memoryBytes: 1, timeoutMs: 1, processes: 1, openFiles: 1, diskBytes: 1 },
  network: false,
  stdin: { kind: 'empty' },
  killGraceMs: 0,
};

test('finds nothing wrong with names that are only unusual', () => {
  expect(findSpecFault(fine)).toBeNull();
});

test.each<[string, Partial<SandboxSpec>, string]>([
  ['an id that climbs out of its folder', { id: '../x' }, '"../x"'],
  ['no command', { command: [] }, 'no command'],
  ['an empty command', { command: [''] }, 'no command'],
  ['a relative working directory', { cwd: 'work' }, 'work is not an absolute path'],
  ['a NUL in an argument', { command: ['a', 'b\0c'] }, 'NUL'],
  ['a NUL in a path', { mounts: [{ source: '/a\0', target: '/b', access: 'read' }] }, 'NUL'],
  ['a variable no shell passes on', { env: { 'a-b': '' } }, '"a-b"'],
  ['a variable with a NUL', { env: { A: 'x\0' } }, '"A"'],
])('refuses %s', (_, changes, reason) => {
  expect(findSpecFault({ ...fine, ...changes })).toContain(reason);
});
