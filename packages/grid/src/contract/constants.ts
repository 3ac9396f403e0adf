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
 * How the `reason` of an execution begins that filled its disk: it is `failed`, without an exit code,
 * as one that could not be started is.
 */
export const DISK_FULL_REASON = 'it wrote more than its disk limit';

export function isManifestPath(path: string): boolean {
  if (path.includes('\0')) return false;
  const parts = (path.startsWith('/') ? path.slice(1) : path).split('/');
  return parts.every((part) => part !== '' && part !== '.' && part !== '..');
}
