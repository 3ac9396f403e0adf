import type { SandboxLimits } from './driver.ts';

export interface CgroupUsage {
  cpuMs: number | null;
  maxMemoryBytes: number | null;
  /** Processes the kernel killed in it for want of memory. */
  oomKills: number;
}

/** One execution's cgroup: a directory per hierarchy on v1, a single one on v2. */
export interface Cgroup {
  /** Writing `0` into each of these moves the writer in; done before the script's first instruction. */
  readonly joinFiles: readonly string[];
  readUsage(): CgroupUsage;
  listPids(): number[];
  /** Kills whatever is in it, again and again, until it is empty. */
  empty(): Promise<void>;
  /** Empties and removes it. */
  remove(): Promise<void>;
}

/** Where this worker makes cgroups for its executions. */
export interface CgroupParent {
  readonly version: 'v1' | 'v2';
  create(id: string, limits: SandboxLimits): Cgroup;
  close(): Promise<void>;
}
