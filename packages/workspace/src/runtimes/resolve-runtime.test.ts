import { expect, test } from 'vitest';

import type { Interpreter } from './interpreters.ts';
import { resolveRuntime } from './resolve-runtime.ts';

const interpreters = new Map<string, Interpreter>(
  [
    { name: 'python', path: '/opt/py/bin/python3', version: '3.11.7', mounts: ['/opt/py'] },
    {
      ...{ name: 'node', path: '/usr/bin/node', version: 'v24', mounts: [] },
      typeScriptFlags: ['--transform'],
    },
    { name: 'bash', path: '/bin/bash', version: '', mounts: [] },
    { name: 'sh', path: '/bin/sh', version: '', mounts: [] },
  ].map((interpreter): [string, Interpreter] => [interpreter.name, interpreter]),
);

function resolve(
  scriptName: string,
  text = '',
  options: { mode?: number; requested?: string; isImage?: boolean } = {},
) {
  const { mode = 0o644, requested = null, isImage = false } = options;
  return resolveRuntime({
    scriptName,
    firstBytes: Buffer.from(text),
    mode,
    requested,
    isImage,
    interpreters,
  });
}

test.each([
  ['a.py', '', ['/opt/py/bin/python3']],
  ['a.py', '#!/usr/bin/env python3\n', ['/opt/py/bin/python3']],
  ['a.js', '', ['/usr/bin/node']],
  ['a.ts', '', ['/usr/bin/node', '--transform']],
  ['a.mts', '#!/usr/bin/env node\n', ['/usr/bin/node', '--transform']],
  ['a.sh', '', ['/bin/sh']],
  ['a.sh', '#!/bin/bash -e\n', ['/bin/bash', '-e']],
  ['a', '#!/usr/bin/env -S node --no-warnings\n', ['/usr/bin/node', '--no-warnings']],
  ['a', '#! /usr/bin/python3\r\n', ['/opt/py/bin/python3']],
  ['a', '#!/opt/own/interpreter x\n', ['/opt/own/interpreter', 'x']],
])('%s beginning with %j is started by %j', (name, text, argvPrefix) => {
  expect(resolve(name, text)).toMatchObject({ ok: true, runtime: { argvPrefix } });
});

test('an executable without a #! line is started itself', () => {
  expect(resolve('tool', '\x7fELF', { mode: 0o755 })).toMatchObject({
    ok: true,
    runtime: { argvPrefix: [] },
  });
});

test('an interpreter outside of the system brings its folder and its PATH', () => {
  expect(resolve('a.py')).toMatchObject({
    runtime: { mounts: ['/opt/py'], path: ['/opt/py/bin'] },
  });
});

test('what was asked for wins over what the script says', () => {
  expect(resolve('a.py', '', { requested: 'bash' })).toMatchObject({ runtime: { name: 'bash' } });
});

test('in an image the interpreter has its usual name', () => {
  expect(resolve('a.py', '', { isImage: true })).toMatchObject({
    runtime: { argvPrefix: ['python3'], mounts: [] },
  });
});

test.each([
  [resolve('notes.txt'), /--runtime/],
  [resolve('a.rb'), /needs ruby/],
  [
    resolve('a.py', '', { requested: 'python3.99' }),
    /needs python3\.99.*it has bash, node, python, sh/,
  ],
])('a script nobody can run is told in a sentence', (resolution, reason) => {
  expect(resolution).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
});
