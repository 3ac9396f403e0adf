import { endianness } from 'node:os';

/** Numbers of linux/audit.h and the architectures' syscall tables. */
interface Architecture {
  audit: number;
  clone: number;
  unshare: number;
}

const CLONE3 = 435;
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: { audit: 0xc000003e, clone: 56, unshare: 272 },
  arm64: { audit: 0xc00000b7, clone: 220, unshare: 97 },
};

const CLONE_NEWUSER = 0x10000000;
/** Syscall numbers of the x32 ABI, a second way to the same calls on x64. */
const X32_BIT = 0x40000000;

const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_AT_LEAST = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const IF_BITS = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

const NUMBER_OFFSET = 0;
const AUDIT_OFFSET = 4;
const FIRST_ARGUMENT_OFFSET = 16;

const ALLOW = 0x7fff0000;
const ERRNO = 0x00050000;
const EPERM = 1;
const ENOSYS = 38;

interface Instruction {
  code: number;
  value: number;
  /** How many instructions to skip when the condition holds, and when not. */
  whenTrue?: number;
  whenFalse?: number;
}

function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(({ code, value, whenTrue = 0, whenFalse = 0 }, index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(whenTrue, index * 8 + 2);
    bytes.writeUInt8(whenFalse, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  });
  return bytes;
}

/**
 * Denies new user namespaces, through which most kernel holes of the last years were reached.
 * clone3 hides its flags in memory a filter cannot read; ENOSYS makes every libc fall back to
 * clone. null: this machine's numbers are not known here.
 */
export function noUserNamespacesFilter(arch: string): Buffer | null {
  const known = ARCHITECTURES[arch];
  if (known === undefined || endianness() !== 'LE') return null;
  return assemble([
    { code: LOAD, value: AUDIT_OFFSET },
    { code: IF_EQUAL, value: known.audit, whenFalse: 8 }, // foreign ABI: ENOSYS
    { code: LOAD, value: NUMBER_OFFSET },
    { code: IF_AT_LEAST, value: X32_BIT, whenTrue: 6 },
    { code: IF_EQUAL, value: CLONE3, whenTrue: 5 },
    { code: IF_EQUAL, value: known.clone, whenTrue: 1 },
    { code: IF_EQUAL, value: known.unshare, whenFalse: 2 },
    { code: LOAD, value: FIRST_ARGUMENT_OFFSET },
    { code: IF_BITS, value: CLONE_NEWUSER, whenTrue: 2 },
    { code: RETURN, value: ALLOW },
    { code: RETURN, value: ERRNO | ENOSYS },
    { code: RETURN, value: ERRNO | EPERM },
  ]);
}
