import { expect, test } from 'vitest';
import { findMountOf, isInside, listMountPointsBelow, parseMountTable } from './mount-table.ts';

const TEXT = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:30 / /home rw,nosuid,nodev,noexec shared:1 - ext4 /dev/vdb rw
31 22 0:31 / /mnt/with\\040space\\012line rw - tmpfs tmpfs rw,size=4k
32 22 0:32 / /mnt/\\303\\261 ro - tmpfs tmpfs rw
33 30 0:33 / /home/ana rw - tmpfs tmpfs rw
34 22 0:34 / /home rw,noexec - tmpfs later rw
35 22 0:35 /sub /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
`;
const table = parseMountTable(TEXT);

test('undoes the kernel’s escapes, unicode included', () => {
  expect(table.map((entry) => entry.mountPoint)).toEqual([
    '/',
    '/home',
    '/mnt/with space\nline',
    '/mnt/ñ',
    '/home/ana',
    '/home',
    '/sys/fs/cgroup/cpu',
  ]);
});

test('reads roots, types and both kinds of options', () => {
  expect(table.at(-1)).toEqual({
    mountPoint: '/sys/fs/cgroup/cpu',
    root: '/sub',
    fsType: 'cgroup',
    options: ['rw'],
    superOptions: ['rw', 'cpu', 'cpuacct'],
  });
});

test('finds the innermost and latest mount of a path', () => {
  expect(findMountOf(table, '/etc/hosts')?.mountPoint).toBe('/');
  expect(findMountOf(table, '/home/bob')?.options).toEqual(['rw', 'noexec']);
  expect(findMountOf(table, '/home/ana/x')?.mountPoint).toBe('/home/ana');
  expect(findMountOf(table, '/homestead')?.mountPoint).toBe('/');
});

test('lists what is mounted below a path once, parents first', () => {
  expect(listMountPointsBelow(table, '/home')).toEqual(['/home/ana']);
  expect(listMountPointsBelow(table, '/mnt')).toHaveLength(2);
});

test('knows inside from beside', () => {
  expect(isInside('/a/b', '/a')).toBe(true);
  expect(isInside('/a', '/a')).toBe(true);
  expect(isInside('/ab', '/a')).toBe(false);
  expect(isInside('/ab', '/')).toBe(true);
});
