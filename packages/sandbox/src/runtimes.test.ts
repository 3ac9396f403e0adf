import { expect, test } from 'vitest';
import { findRuntimeByName, parseShebang, resolveRuntime } from './runtimes.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const ELF = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2]);

test.each([
  ['process.py', 'print(1)', 0o644, 'python', ['python3']],
  ['process.PY', '', 0o644, 'python', ['python3']],
  ['a.py', '#!/usr/bin/env python2\n', 0o755, 'python', ['python3']],
  ['a.js', '', 0o644, 'node', ['node']],
  ['a.mts', '', 0o644, 'node', ['node']],
  ['a.cjs', '#!/usr/bin/env node', 0o755, 'node', ['node']],
  ['a.sh', 'echo', 0o644, 'shell', ['sh']],
  ['a.sh', '#!/bin/bash -eu\necho', 0o644, 'shell', ['bash', '-eu']],
  ['a.bash', 'echo', 0o644, 'shell', ['bash']],
  ['a.R', '', 0o644, 'r', ['Rscript']],
  ['a.rb', '', 0o644, 'ruby', ['ruby']],
  ['a.pl', '', 0o644, 'perl', ['perl']],
  ['tool', '#!/usr/bin/env python3.12\n', 0o644, 'python', ['python3.12']],
  [
    'tool',
    '#!/usr/bin/env -S python3 -u -W ignore\n',
    0o755,
    'python',
    ['python3', '-u', '-W', 'ignore'],
  ],
  ['tool', '#! /usr/local/bin/node --no-warnings\r\n', 0o644, 'node', ['node', '--no-warnings']],
  ['tool', '#!/opt/tcl/tclsh\n', 0o644, 'other', ['/opt/tcl/tclsh']],
  ['tool', 'anything', 0o755, 'executable', []],
  ['tool.exe', ELF, 0o755, 'executable', []],
] as const)('starts %s with %j by what it is', (...row) => {
  const [scriptName, content, mode, name, argvPrefix] = row;
  const firstBytes = typeof content === 'string' ? bytes(content) : content;
  expect(resolveRuntime({ scriptName, firstBytes, mode })).toEqual({
    ok: true,
    runtime: { name, argvPrefix },
  });
});

test.each([
  ['python', 'python', 'python3'],
  ['python3.12', 'python', 'python3.12'],
  ['node', 'node', 'node'],
  ['node20', 'node', 'node20'],
  ['bash', 'shell', 'bash'],
  ['sh', 'shell', 'sh'],
  ['typescript', 'node', 'node'],
])('takes %s when asked', (requested, name, word) => {
  const result = resolveRuntime({
    scriptName: 'a.pl',
    firstBytes: bytes(''),
    mode: 0o644,
    requested,
  });
  expect(result).toEqual({ ok: true, runtime: { name, argvPrefix: [word] } });
});

test.each([
  [
    'a word it does not know',
    { scriptName: 'a.py', requested: 'cobol' },
    'unknown_runtime',
    /cobol is not a runtime/,
  ],
  [
    'data',
    { scriptName: 'data.csv', firstBytes: bytes('a,b\n') },
    'unknown_script',
    /data\.csv.*name a runtime/,
  ],
  ['an empty file', { scriptName: 'empty' }, 'unknown_script', /empty/],
  [
    'a program without its bit',
    { scriptName: 'tool', firstBytes: ELF },
    'not_executable',
    /chmod \+x tool/,
  ],
  ['an empty #! line', { scriptName: 'tool', firstBytes: bytes('#!\n') }, 'unknown_script', /tool/],
])('refuses %s with a way out', (...row) => {
  const [, script, code, reason] = row;
  const result = resolveRuntime({ firstBytes: bytes(''), mode: 0o644, ...script });
  expect(result).toEqual({ ok: false, code, reason: expect.stringMatching(reason) });
});

test('tells names of runtimes from names of images', () => {
  expect(findRuntimeByName('python:3.12')).toBeUndefined();
  expect(findRuntimeByName('registry.example/me/image@sha256:00')).toBeUndefined();
  expect(findRuntimeByName('pypy3.10')?.name).toBe('python');
});

test('finds the program behind env and its settings', () => {
  expect(parseShebang(bytes('#!/usr/bin/env -i A=1 ruby -w\n'))).toEqual(['ruby', '-w']);
  expect(parseShebang(bytes('#!/usr/bin/env\n'))).toBeNull();
  expect(parseShebang(bytes('print()'))).toBeNull();
});
