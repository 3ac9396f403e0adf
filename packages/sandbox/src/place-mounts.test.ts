import { expect, test } from 'vitest';
import { placeMounts, type MountSource } from './place-mounts.ts';

const around = {
  systemBinds: [
    { source: '/usr', target: '/usr' },
    { source: '/snapshot', target: '/etc' },
  ],
  exists: (path: string) =>
    ['/usr/local/share', '/snapshot/ssl', '/ws/deps', '/other/x'].includes(path),
};

function mount(target: string, source = '/ws', isFile = false): MountSource {
  return { source, target, access: 'read', isFile };
}

test.each([
  ['an own place in the root', mount('/workspace'), 'root'],
  ['a deep place in the root', mount('/root/.pyenv/versions/3.12.1'), 'root'],
  ['a file in the root', mount('/data/one.txt', '/ws/one.txt', true), 'root'],
  ['a directory of the system', mount('/usr/local/share'), 'present'],
  ['the place of a system directory', mount('/usr'), 'present'],
  ['a directory of the copied /etc', mount('/etc/ssl'), 'present'],
  ['/tmp itself', mount('/tmp'), 'present'],
  ['a directory on the own /tmp', mount('/tmp/cache'), 'tmp'],
])('gives %s its placement', (_, wanted, placement) => {
  expect(placeMounts([wanted], around)).toEqual({ ok: true, mounts: [{ ...wanted, placement }] });
});

test('puts parents before children, in whatever order they come', () => {
  const plan = placeMounts([mount('/workspace/deps', '/other'), mount('/workspace')], around);
  expect(plan.ok && plan.mounts.map(({ target, placement }) => [target, placement])).toEqual([
    ['/workspace', 'root'],
    ['/workspace/deps', 'present'],
  ]);
});

test('looks into a mount that lies over /tmp', () => {
  const plan = placeMounts([mount('/tmp/x', '/y'), mount('/tmp', '/other')], around);
  expect(plan.ok && plan.mounts.map(({ placement }) => placement)).toEqual(['present', 'present']);
});

test.each([
  ['a relative target', [mount('workspace')], 'plain absolute path'],
  ['a target that climbs', [mount('/a/../b')], 'plain absolute path'],
  ['a trailing slash', [mount('/a/')], 'plain absolute path'],
  ['the root', [mount('/')], 'plain absolute path'],
  ['the kernel’s directories', [mount('/dev/shm')], 'nothing can be mounted in /dev'],
  ['a target twice', [mount('/a'), mount('/a')], 'two mounts'],
  ['a missing place in the system', [mount('/usr/nothing')], 'does not exist in /usr'],
  ['a missing place in another mount', [mount('/w'), mount('/w/nothing')], 'does not exist in /w'],
  ['a file on /tmp', [mount('/tmp/file', '/ws/one.txt', true)], 'a file cannot be mounted in /tmp'],
])('refuses %s', (_, mounts, reason) => {
  expect(placeMounts(mounts, around)).toEqual({
    ok: false,
    reason: expect.stringContaining(reason),
  });
});
