import { expect, test } from 'vitest';
import { isMapped, SANDBOX_UID, sandboxOwner, scriptIds } from './sandbox-owner.ts';

test.each([
  ['the whole machine', '         0          0 4294967295\n', true],
  ['a rootless container', '0 1000 1\n1 100000 65536\n', false],
  ['a container with many ids', '0 100000 300000\n', true],
])('knows whether the uid exists in %s', (_, map, expected) => {
  expect(isMapped(SANDBOX_UID, map)).toBe(expected);
});

test('scripts run as the owner of their files', () => {
  const owner = sandboxOwner();
  expect(scriptIds()).toEqual(owner ?? { uid: process.getuid?.(), gid: process.getgid?.() });
  expect(owner === null).toBe(process.getuid?.() !== 0);
});
