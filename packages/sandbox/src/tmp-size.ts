import type { SandboxSpec } from './driver.ts';

const SMALLEST_TMP = 16 * 1024 * 1024;

/**
 * /tmp and /dev/shm are memory and count against the memory limit, so each gets half of it: a
 * script that fills /tmp sees "no space left" rather than its end.
 */
export function tmpBytes(spec: SandboxSpec): number {
  const half = Math.floor(spec.limits.memoryBytes / 2);
  return Math.max(SMALLEST_TMP, Math.min(half, spec.limits.diskBytes));
}
