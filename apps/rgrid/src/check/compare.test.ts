import type { ManifestEntry } from '@nexus/grid/contract';
import { describe, expect, it } from 'vitest';

import { compare, relocationRows } from './compare.ts';
import { StreamObserver, type Observation } from './observation.ts';

interface Seen {
  stdout?: string;
  stderr?: string;
  state?: Observation['state'];
  exitCode?: number | null;
  outputs?: ManifestEntry[];
}

function observation({
  stdout = '',
  stderr = '',
  state = 'succeeded',
  exitCode = 0,
  outputs = [],
}: Seen): Observation {
  const observer = new StreamObserver();
  // In pieces of odd sizes: only the whole counts.
  for (let at = 0; at < stdout.length; at += 3)
    observer.add({ stream: 'stdout', data: Buffer.from(stdout.slice(at, at + 3)) });
  observer.add({ stream: 'stderr', data: Buffer.from(stderr) });
  return observer.observe({ state, exitCode }, { entries: outputs });
}

const file = (path: string, letter: string, mode = 0o644): ManifestEntry => ({
  type: 'file',
  path,
  mode,
  sizeBytes: 1,
  sha256: letter.repeat(64),
});
const differences = (here: Seen, there: Seen) =>
  compare(observation(here), observation(there)).filter((row) => !row.isSame);

describe('compare', () => {
  it('finds two equal runs equal', () => {
    const seen: Seen = {
      stdout: 'a\nb\n',
      stderr: 'e',
      exitCode: 3,
      state: 'failed',
      outputs: [file('r', 'a')],
    };
    expect(differences(seen, seen)).toEqual([]);
  });

  it('shows where a stream begins to differ', () => {
    expect(differences({ stdout: 'one\ntwo\n' }, { stdout: 'one\nTWO\n' })).toEqual([
      { what: 'stdout', here: '8 B, line 2: "two"', there: '8 B, line 2: "TWO"', isSame: false },
    ]);
    expect(differences({ stderr: '' }, { stderr: 'oh\n' })[0]).toMatchObject({
      what: 'stderr',
      here: '0 B, line 1: (nothing)',
    });
  });

  it('finds a difference behind what it keeps of a stream', () => {
    const long = 'x'.repeat(100_000);
    expect(differences({ stdout: `${long}a` }, { stdout: `${long}b` })).toEqual([
      { what: 'stdout', here: '100 KB', there: '100 KB', isSame: false },
    ]);
  });

  it.each<[string, Seen, Seen]>([
    ['exit code', { exitCode: 1, state: 'failed' }, { exitCode: 2, state: 'failed' }],
    ['exit code', { exitCode: 137, state: 'failed' }, { exitCode: 137, state: 'out_of_memory' }],
    ['r', { outputs: [file('r', 'a')] }, { outputs: [file('r', 'b')] }],
    ['r', { outputs: [file('r', 'a')] }, { outputs: [file('r', 'a', 0o755)] }],
    ['r', { outputs: [file('r', 'a')] }, { outputs: [] }],
    [
      'r',
      { outputs: [file('r', 'a')] },
      { outputs: [{ type: 'symlink', path: 'r', target: 'x' }] },
    ],
  ])('names a different %s: %j and %j', (what, here, there) => {
    expect(differences(here, there).map((row) => row.what)).toEqual([what]);
  });
});

describe('paths that are others for the script', () => {
  const relocations = [
    { path: '/usr/src/app', inside: '/rgrid/usr/src/app' },
    { path: '/etc/hosts', inside: '/rgrid/etc/hosts' },
  ];

  it('are differences of the executions that are given them', () => {
    const args = ['--in=/etc/hosts'];
    expect(relocationRows(relocations, { args, root: '/usr/src/app' })).toEqual([
      {
        what: 'project folder',
        here: '/usr/src/app',
        there: '/rgrid/usr/src/app',
        isSame: false,
      },
      { what: 'argument', here: '/etc/hosts', there: '/rgrid/etc/hosts', isSame: false },
    ]);
    expect(relocationRows(relocations, { args: ['x'], root: '/home/ana' })).toEqual([]);
  });
});
