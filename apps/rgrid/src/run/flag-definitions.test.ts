import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { makeFolder } from '../testing/run-cli.ts';
import { FlagDefinitions } from './flag-definitions.ts';

const DEFINES = "parser.add_argument('--timeout')\n";

function find(files: Record<string, string>, script: string, isImported = false) {
  const cwd = makeFolder('flags', files);
  return new FlagDefinitions(join(cwd, script), cwd).find('timeout', { isImported });
}

describe('the file that gives a script its flag', () => {
  it.each<[string, Record<string, string>, string, string | undefined]>([
    ['is itself', { 'm.py': DEFINES, 'a.py': DEFINES }, 'm.py', 'm.py'],
    ['is one it imports', { 'm.py': 'import cli', 'cli.py': DEFINES }, 'm.py', 'cli.py'],
    ['lies deeper', { 'm.py': '', 'pkg/sub/cli.py': DEFINES }, 'm.py', 'pkg/sub/cli.py'],
    ['lies above it', { 'bin/m.py': '', 'cli.py': DEFINES }, 'bin/m.py', 'cli.py'],
    ['is one of its language', { 'm.py': '', 'cli.js': DEFINES }, 'm.py', undefined],
    ['is of a dialect', { 'm.mjs': '', 'cli.ts': DEFINES }, 'm.mjs', 'cli.ts'],
    ['is named by its #! line', { m: '#!/usr/bin/env python3', 'cli.py': DEFINES }, 'm', 'cli.py'],
    ['is none that is installed', { 'm.py': '', 'venv/cli.py': DEFINES }, 'm.py', undefined],
    ['is none of another kind', { m: 'text', 'cli.py': DEFINES }, 'm', undefined],
  ])('%s', (...[, files, script, expected]) => {
    expect(find(files, script)).toBe(expected);
  });

  it.each<[string, Record<string, string>, string | undefined]>([
    ['a file it names', { 'm.py': 'from cli import parse', 'cli.py': DEFINES }, 'cli.py'],
    [
      'a file named by a file it names',
      { 'm.py': 'import app', 'app.py': 'import cli', 'cli.py': DEFINES },
      'cli.py',
    ],
    ['a package', { 'm.py': 'import tools', 'tools/__init__.py': DEFINES }, 'tools/__init__.py'],
    ['no other script', { 'm.py': 'import sys', 'train.py': DEFINES }, undefined],
  ])('where only imports count is %s', (_name, files, expected) => {
    expect(find(files, 'm.py', true)).toBe(expected);
  });

  it('is not waited for in a named pipe', () => {
    const cwd = makeFolder('flags', { 'm.py': '' });
    execFileSync('mkfifo', [join(cwd, 'pipe.py')]);
    const definitions = new FlagDefinitions(join(cwd, 'pipe.py'), cwd);
    expect(definitions.find('timeout', { isImported: false })).toBeUndefined();
  });
});
