import type { BatchSpec, FileEntry, Manifest } from '@nexus/grid/contract';
import { DEFAULT_LIMITS } from '@nexus/grid/constants';
import { describe, expect, it } from 'vitest';

import { executionIdentity, sharedIdentity, type SharedIdentity } from './identity.ts';

const file = (path: string, digit: string): FileEntry => ({
  type: 'file',
  path,
  mode: 0o644,
  sizeBytes: 1,
  sha256: digit.repeat(64),
});
const spec: BatchSpec = {
  script: 'x.py',
  root: '/home/ana/project',
  workingDirectory: '',
  runtime: null,
  image: null,
  sandbox: null,
  network: false,
  dependencies: [],
  stdin: null,
  limits: { ...DEFAULT_LIMITS },
};
const project: Manifest = { entries: [file('a', '1'), file('b', '2')] };
const base: SharedIdentity = { spec, project, env: { A: '1' } };

describe('the identity of an execution', () => {
  const changes: [string, SharedIdentity][] = [
    ['the script', { ...base, spec: { ...spec, script: 'y.py' } }],
    ['the runtime', { ...base, spec: { ...spec, runtime: 'python3.12' } }],
    ['the image', { ...base, spec: { ...spec, image: 'python:3.12' } }],
    ['network access', { ...base, spec: { ...spec, network: true } }],
    ['the working directory', { ...base, spec: { ...spec, workingDirectory: 'sub' } }],
    ['stdin', { ...base, spec: { ...spec, stdin: { sha256: '3'.repeat(64), sizeBytes: 1 } } }],
    [
      'dependencies',
      { ...base, spec: { ...spec, dependencies: [{ manager: 'pip', files: [file('r', '4')] }] } },
    ],
    ['the environment', { ...base, env: { A: '2' } }],
    ['a file of the project', { ...base, project: { entries: [file('a', '1'), file('b', '3')] } }],
    [
      'two files changing places',
      { ...base, project: { entries: [file('a', '2'), file('b', '1')] } },
    ],
    [
      'a mode',
      { ...base, project: { entries: [{ ...file('a', '1'), mode: 0o755 }, file('b', '2')] } },
    ],
  ];

  it.each(changes)('differs with %s', (_name, changed) => {
    expect(sharedIdentity(changed)).not.toBe(sharedIdentity(base));
  });

  it('differs with arguments and input', () => {
    const of = (args: string[], input: FileEntry | null) => executionIdentity('s', args, input);
    const all = [
      of([], null),
      of(['a'], null),
      of(['a', 'b'], null),
      of(['a b'], null),
      of([], file('i', '1')),
      of([], file('j', '1')),
      of([], file('i', '2')),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('is the same on another machine and under other limits', () => {
    const elsewhere = {
      ...spec,
      root: '/srv/project',
      sandbox: 'docker',
      limits: { ...spec.limits, memoryBytes: 5e9, cpus: 4 },
    } as const;
    expect(sharedIdentity({ ...base, spec: elsewhere })).toBe(sharedIdentity(base));
    expect(sharedIdentity({ ...base, project: { entries: project.entries.toReversed() } })).toBe(
      sharedIdentity(base),
    );
  });
});
