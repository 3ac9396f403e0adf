import { readdirSync, readFileSync } from 'node:fs';

const CLOSE_ON_EXEC = 0o2000000;

function isInherited(fd: string): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    return false;
  }
}

/**
 * Open files the worker got from whoever started it and would hand on to scripts without knowing
 * (Node marks all of its own close-on-exec). No shell closes numbers above 9, so launches cover
 * them with /dev/null.
 */
export function listStrayFds(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/fd')
    .filter((fd) => Number(fd) > 2 && isInherited(fd))
    .map(Number);
}
