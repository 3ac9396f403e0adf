import type { RetryPolicy } from '@nexus/kit/retry';

import type { Environment } from './environment.ts';
import type { Output } from './terminal/output.ts';

/** All that a verb knows of the process it runs in. Built once, in main.ts or by a test. */
export interface Context {
  env: Environment;
  cwd: string;
  home: string;
  stdin: StdinSource;
  /** Results. */
  stdout: Output;
  /** Prose. */
  stderr: Output;
  /** How requests are repeated; absent: as suits the platform. A test waits for less. */
  retries?: RetryPolicy;
  /** Ends the process's wait for signals; a test sends them through here too. */
  signals: SignalSource;
}

export interface StdinSource {
  isTerminal: boolean;
  /** File descriptor; a test may give a pipe of its own. */
  fd: number;
}

export interface SignalSource {
  /** Calls `listener` for every SIGINT and SIGTERM until the returned function is called. */
  listen(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
}
