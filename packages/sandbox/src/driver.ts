import type { Readable } from 'node:stream';

export type SandboxDriverName = 'docker' | 'bubblewrap' | 'namespaces' | 'process';

/** `source` is a path on this machine, `target` an absolute path inside. Files and directories both work. */
export interface Mount {
  source: string;
  target: string;
  access: 'read' | 'write';
}

export interface SandboxLimits {
  cpus: number;
  memoryBytes: number;
  timeoutMs: number;
  processes: number;
  openFiles: number;
  diskBytes: number;
}

export type SandboxStdin =
  | { kind: 'empty' }
  | { kind: 'file'; path: string }
  | { kind: 'stream'; stream: Readable };

export interface SandboxSpec {
  /** `[a-z0-9-]+`, unique per attempt: it names the cgroup or the container. */
  id: string;
  command: readonly string[];
  /** Absolute, inside. */
  cwd: string;
  /** The complete environment: nothing is inherited from the worker. */
  env: Readonly<Record<string, string>>;
  mounts: readonly Mount[];
  /** Directories of this machine whose growth counts against `limits.diskBytes`. */
  diskRoots: readonly string[];
  limits: SandboxLimits;
  /**
   * false: no network but loopback. true: the host's network without the metadata service,
   * as far as the driver and the worker's rights allow (each driver says so in its description).
   */
  network: boolean;
  /** Only the docker driver takes one. */
  image?: string;
  stdin: SandboxStdin;
  /** From SIGTERM to SIGKILL. */
  killGraceMs: number;
}

export type SandboxOutcome =
  /** 128 + n when signal n ended the script, as a shell would say it. */
  | { kind: 'exited'; exitCode: number }
  | { kind: 'out_of_memory' }
  | { kind: 'timed_out' }
  | { kind: 'disk_full' }
  | { kind: 'cancelled' }
  /** The script's first instruction never ran; `reason` is a sentence for its owner. */
  | { kind: 'not_started'; reason: string };

export interface SandboxExit {
  outcome: SandboxOutcome;
  wallMs: number;
  /** null where nothing on this machine counts it. */
  cpuMs: number | null;
  /** The highest use, page cache included where a cgroup counts it. */
  maxMemoryBytes: number | null;
}

/**
 * Both streams must be read to their end: a reader that stops reading stops the script, and
 * `exited` waits for both streams, so output is complete when it resolves. It never rejects.
 */
export interface RunningSandbox {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves once the whole process tree is gone and both streams have ended. */
  readonly exited: Promise<SandboxExit>;
  /** SIGTERM to the script's processes, SIGKILL to the whole tree after `killGraceMs`. Idempotent. */
  cancel(): void;
}

/** What a driver promises on this machine, for `rgrid status` and the worker's log. */
export interface SandboxDescription {
  /** false: the script sees the worker's files and network. */
  isolates: boolean;
  /** How memory, CPU and process limits are held: by the kernel, or by watching from outside. */
  limits: 'cgroup-v2' | 'cgroup-v1' | 'docker' | 'watched';
  /** Sentences on what is not enforced here; empty when everything is. */
  gaps: readonly string[];
}

export interface SandboxDriver {
  readonly name: SandboxDriverName;
  readonly description: SandboxDescription;
  /** Resolves once the launcher runs; everything that goes wrong later is told by `exited`. */
  start(spec: SandboxSpec): Promise<RunningSandbox>;
  /** Frees what the driver holds between executions. No execution may be running. */
  close(): Promise<void>;
}
