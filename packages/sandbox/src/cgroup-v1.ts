import type { Cgroup, CgroupParent, CgroupUsage } from './cgroup.ts';
import {
  CGROUP_NAME,
  emptyCgroupDirectory,
  listCgroupPids,
  makeCgroupDirectory,
  makeNewCgroupDirectory,
  readCgroupField,
  readCgroupNumber,
  removeCgroupDirectory,
  removeCgroupDirectoryNow,
  tryWriteCgroupFile,
  writeCgroupFile,
} from './cgroup-directory.ts';
import type { SandboxLimits } from './driver.ts';
import { LAUNCHER_PROCESSES } from './launch-script.ts';
import type { MountEntry } from './mount-table.ts';

type Controller = 'memory' | 'pids' | 'cpu' | 'cpuacct';
export type V1Mounts = Record<Controller, string>;

/** Controllers may share a mount (`cpu,cpuacct`) or have one each. */
export function findV1Mounts(table: readonly MountEntry[]): V1Mounts | null {
  const find = (controller: Controller): string | undefined =>
    table.find((entry) => entry.fsType === 'cgroup' && entry.superOptions.includes(controller))
      ?.mountPoint;
  const memory = find('memory');
  const pids = find('pids');
  const cpu = find('cpu');
  if (memory === undefined || pids === undefined || cpu === undefined) return null;
  return { memory, pids, cpu, cpuacct: find('cpuacct') ?? cpu };
}

const PERIOD_US = 100_000;

function setLimits(directories: V1Mounts, limits: SandboxLimits): void {
  const memory = String(Math.floor(limits.memoryBytes));
  writeCgroupFile(directories.memory, 'memory.limit_in_bytes', memory);
  // Absent when the kernel counts no swap; then memory is bounded and swap is not.
  tryWriteCgroupFile(directories.memory, 'memory.memsw.limit_in_bytes', memory);
  writeCgroupFile(directories.pids, 'pids.max', String(limits.processes + LAUNCHER_PROCESSES));
  tryWriteCgroupFile(directories.cpu, 'cpu.cfs_period_us', String(PERIOD_US));
  tryWriteCgroupFile(
    directories.cpu,
    'cpu.cfs_quota_us',
    String(Math.max(1000, Math.round(limits.cpus * PERIOD_US))),
  );
}

function readUsage(directories: V1Mounts): CgroupUsage {
  const cpuNs = readCgroupNumber(directories.cpuacct, 'cpuacct.usage');
  return {
    cpuMs: cpuNs === null ? null : Math.round(cpuNs / 1e6),
    maxMemoryBytes: readCgroupNumber(directories.memory, 'memory.max_usage_in_bytes'),
    oomKills: readCgroupField(directories.memory, 'memory.oom_control', 'oom_kill') ?? 0,
  };
}

function v1Cgroup(directories: V1Mounts): Cgroup {
  const unique = [...new Set(Object.values(directories))];
  return {
    joinFiles: unique.map((directory) => `${directory}/cgroup.procs`),
    readUsage: () => readUsage(directories),
    listPids: () => listCgroupPids(directories.pids),
    empty: () => emptyCgroupDirectory(directories.pids),
    async remove() {
      await emptyCgroupDirectory(directories.pids);
      await Promise.all(unique.map((directory) => removeCgroupDirectory(directory)));
    },
  };
}

export function v1Parent(mounts: V1Mounts, owner: string): CgroupParent {
  const below = (path: string): V1Mounts => ({
    memory: `${mounts.memory}/${path}`,
    pids: `${mounts.pids}/${path}`,
    cpu: `${mounts.cpu}/${path}`,
    cpuacct: `${mounts.cpuacct}/${path}`,
  });
  const parent = below(`${CGROUP_NAME}/${owner}`);
  for (const directory of Object.values(parent)) makeCgroupDirectory(directory);
  return {
    version: 'v1',
    create(id, limits) {
      const directories = below(`${CGROUP_NAME}/${owner}/${id}`);
      for (const directory of new Set(Object.values(directories)))
        makeNewCgroupDirectory(directory);
      setLimits(directories, limits);
      return v1Cgroup(directories);
    },
    close() {
      for (const directory of Object.values(parent)) removeCgroupDirectoryNow(directory);
      return Promise.resolve();
    },
  };
}
