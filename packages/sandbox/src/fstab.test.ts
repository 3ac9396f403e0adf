import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bindLines, escapeFstabField } from './fstab.ts';
import type { MountEntry } from './mount-table.ts';

const base = mkdtempSync(join(tmpdir(), 'sandbox-fstab-'));
afterAll(() => rmSync(base, { recursive: true }));

function entry(mountPoint: string, ...options: string[]): MountEntry {
  return { mountPoint, root: '/', fsType: 'ext4', options, superOptions: [] };
}

test('escapes what separates fields', () => {
  expect(escapeFstabField('a b\tc\nd\\e#ñ')).toBe('a\\040b\\011c\\012d\\134e\\043ñ');
  expect(escapeFstabField('a\u2003b')).toBe('a\\342\\200\\203b');
});

test('never lets a bind carry set-uid programs or devices', () => {
  const lines = bindLines({ source: base, target: '/t', access: 'write' }, [entry('/', 'rw')]);
  expect(lines).toBe(`${base} /t none rbind,nosuid,nodev 0 0\n`);
});

test('keeps flags the kernel locked', () => {
  const table = [entry('/', 'rw'), entry(base, 'ro', 'noexec')];
  const lines = bindLines({ source: base, target: '/t', access: 'write' }, table);
  expect(lines).toBe(`${base} /t none rbind,nosuid,nodev,ro,noexec 0 0\n`);
});

test('makes mounts below a read-only source read-only as well', () => {
  const below = join(base, 'below');
  mkdirSync(below);
  const table = [entry('/', 'rw'), entry(below, 'rw', 'noexec')];
  expect(bindLines({ source: base, target: '/t', access: 'read' }, table)).toBe(
    `${base} /t none rbind,nosuid,nodev,ro 0 0\n${below} /t/below none rbind,nosuid,nodev,ro,noexec 0 0\n`,
  );
});

test('leaves devices usable', () => {
  const lines = bindLines(
    { source: '/dev/null', target: '/t', access: 'write', isDevice: true },
    [],
  );
  expect(lines).toBe('/dev/null /t none bind 0 0\n');
});
