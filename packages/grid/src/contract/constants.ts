/**
 * What the contract fixes without a schema. The command line starts from here: importing zod alone
 * costs it 50 ms, half of what it may take to start.
 */
export const EXECUTION_STATES = [
  'uploading',
  'queued',
  'leased',
  'running',
  'publishing',
  'succeeded',
  'failed',
  'timed_out',
  'out_of_memory',
  'cancelled',
  'lost',
] as const;

export const DEFAULT_LIMITS = {
  cpus: 1,
  memoryBytes: 1024 ** 3,
  timeoutSeconds: 3600,
  diskBytes: 20 * 1024 ** 3,
  processes: 512,
  logBytes: 512 * 1024 ** 2,
} as const;

/**
 * What Linux hands to a program at its start (execve(2)): 128 KiB as one argument or variable, and with the
 * usual stack of 8 MiB 2 MiB in all, of which the sandbox needs a little itself.
 */
export const MAX_ARGUMENT_BYTES = 128 * 1024;
export const MAX_ARGUMENTS_BYTES = 1024 ** 2;
export const MAX_ENVIRONMENT_BYTES = 512 * 1024;

/** Shorter than a sandbox takes to start, so nothing would ever end in time. */
export const MIN_TIMEOUT_SECONDS = 0.1;

/**
 * How the `reason` of an execution begins that filled its disk: it is `failed`, without an exit code,
 * as one that could not be started is.
 */
export const DISK_FULL_REASON = 'it wrote more than its disk limit';

export function isManifestPath(path: string): boolean {
  if (path.includes('\0')) return false;
  const parts = (path.startsWith('/') ? path.slice(1) : path).split('/');
  return parts.every((part) => part !== '' && part !== '.' && part !== '..');
}
