import { expect, test } from 'vitest';
import { noUserNamespacesFilter } from './seccomp-filter.ts';

const CLONE_NEWUSER = 0x10000000;
const X64 = 0xc000003e;
const ALLOW = 'allow';

/** Runs the program as the kernel would: classic BPF over struct seccomp_data. */
function verdict(
  program: Buffer,
  call: { arch: number; number: number; flags: number },
): string | number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number, 0);
  data.writeUInt32LE(call.arch, 4);
  data.writeUInt32LE(call.flags, 16);
  let accumulator = 0;
  for (let at = 0; ; at += 1) {
    const code = program.readUInt16LE(at * 8);
    const value = program.readUInt32LE(at * 8 + 4);
    const skip = (holds: boolean): number => program.readUInt8(at * 8 + (holds ? 2 : 3));
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x15) at += skip(accumulator === value);
    else if (code === 0x35) at += skip(accumulator >= value);
    else if (code === 0x45) at += skip((accumulator & value) !== 0);
    else return value === 0x7fff0000 ? ALLOW : value & 0xffff;
  }
}

test.each([
  ['read', { arch: X64, number: 0, flags: CLONE_NEWUSER }, ALLOW],
  ['clone for a thread', { arch: X64, number: 56, flags: 0x3d0f00 }, ALLOW],
  ['clone with a user namespace', { arch: X64, number: 56, flags: CLONE_NEWUSER | 17 }, 1],
  ['unshare of the network', { arch: X64, number: 272, flags: 0x40000000 }, ALLOW],
  ['unshare of the user namespace', { arch: X64, number: 272, flags: CLONE_NEWUSER }, 1],
  ['clone3', { arch: X64, number: 435, flags: 0 }, 38],
  ['the x32 way to unshare', { arch: X64, number: 0x40000000 | 272, flags: CLONE_NEWUSER }, 38],
  ['the 32-bit way to anything', { arch: 0x40000003, number: 310, flags: CLONE_NEWUSER }, 38],
])('decides on %s', (_, call, expected) => {
  const program = noUserNamespacesFilter('x64');
  expect(program === null ? null : verdict(program, call)).toBe(expected);
});

test('knows its architectures and no others', () => {
  expect(noUserNamespacesFilter('arm64')).toHaveLength(96);
  expect(noUserNamespacesFilter('riscv64')).toBeNull();
});
