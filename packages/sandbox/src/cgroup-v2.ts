import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Cgroup, CgroupParent } from './cgroup.ts';
import {
  CGROUP_NAME,
  emptyCgroupDirectory,
  listCgroupPids,
  makeCgroupDirectory,
  makeNewCgroupDirectory,
  readCgroupField,
  readCgroupFile,
  readCgroupNumber,
  removeCgroupDirectory,
  removeCgroupDirectoryNow,
  tryWriteCgroupFile,
  writeCgroupFile,
} from './cgroup-directory.ts';
import type { SandboxLimits } from './driver.ts';
import { LAUNCHER_PROCESSES } from './launch-script.ts';
import type { MountEntry } from './mount-table.ts';

const PERIOD_US = 100_000;

export function findV2Mount(table: readonly MountEntry[]): string | null {
  const mount = table.find((entry) => entry.fsType === 'cgroup2')?.mountPoint;
  if (mount === undefined) return null;
  const controllers = (readCgroupFile(mount, 'cgroup.controllers') ?? '').split(' ');
  return controllers.includes('memory') && controllers.includes('pids') ? mount : null;
}

export function ownV2Path(): string {
  const text = readFileSync('/proc/self/cgroup', 'utf8');
  return /^0::(.*)$/m.exec(text)?.[1] ?? '/';
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The highest cgroup above us that is ours to divide. Root takes the top, which makes the place
 * the same after a restart. Others take what systemd delegated to them (`user@UID.service`, or a
 * service with `Delegate=yes`); moving processes needs write access to the common ancestor's
 * cgroup.procs, so both files have to be writable.
 */
export function findDelegatedCgroup(mount: string, ownPath: string): string | null {
  let found: string | null = null;
  for (let path = join(mount, ownPath); path.startsWith(mount); path = dirname(path)) {
    const mayDivide = isWritable(path) && isWritable(`${path}/cgroup.procs`);
    if (mayDivide && existsSync(`${path}/cgroup.subtree_control`)) found = path;
    if (path === mount) break;
  }
  return found;
}

function enableControllers(directory: string): boolean {
  for (const controller of ['+memory', '+pids']) {
    if (!tryWriteCgroupFile(directory, 'cgroup.subtree_control', controller)) return false;
  }
  // user@.service is not given cpu by older systemd; then only CPU stays unlimited.
  tryWriteCgroupFile(directory, 'cgroup.subtree_control', '+cpu');
  return true;
}

/**
 * A cgroup with processes of its own may not have controllers below it, so the processes step
 * down into a leaf, as systemd asks of whoever is given `Delegate=yes`.
 */
function stepDown(directory: string): void {
  const leaf = `${directory}/${CGROUP_NAME}-worker`;
  makeCgroupDirectory(leaf);
  for (const pid of listCgroupPids(directory))
    tryWriteCgroupFile(leaf, 'cgroup.procs', String(pid));
}

export function prepareDelegatedCgroup(directory: string): boolean {
  if (enableControllers(directory)) return true;
  // Only the machine's real root has no cgroup.events. Nobody's processes but ours are ever moved there.
  if (!existsSync(`${directory}/cgroup.events`)) return false;
  stepDown(directory);
  return enableControllers(directory);
}

export function setV2Limits(directory: string, limits: SandboxLimits): void {
  writeCgroupFile(directory, 'memory.max', String(Math.floor(limits.memoryBytes)));
  tryWriteCgroupFile(directory, 'memory.swap.max', '0');
  writeCgroupFile(directory, 'pids.max', String(limits.processes + LAUNCHER_PROCESSES));
  const quotaUs = Math.max(1000, Math.round(limits.cpus * PERIOD_US));
  tryWriteCgroupFile(directory, 'cpu.max', `${quotaUs} ${PERIOD_US}`);
}

export function v2Cgroup(directory: string): Cgroup {
  return {
    joinFiles: [`${directory}/cgroup.procs`],
    readUsage() {
      const cpuUs = readCgroupField(directory, 'cpu.stat', 'usage_usec');
      return {
        cpuMs: cpuUs === null ? null : Math.round(cpuUs / 1000),
        maxMemoryBytes: readCgroupNumber(directory, 'memory.peak'),
        oomKills: readCgroupField(directory, 'memory.events', 'oom_kill') ?? 0,
      };
    },
    listPids: () => listCgroupPids(directory),
    empty: () => emptyCgroupDirectory(directory),
    async remove() {
      await emptyCgroupDirectory(directory);
      await removeCgroupDirectory(directory);
    },
  };
}

export function v2Parent(delegated: string, owner: string): CgroupParent {
  const top = `${delegated}/${CGROUP_NAME}`;
  const parent = `${top}/${owner}`;
  makeCgroupDirectory(parent);
  if (!enableControllers(top) || !enableControllers(parent)) {
    removeCgroupDirectoryNow(parent);
    throw new Error(`could not enable the memory and pids controllers below ${delegated}`);
  }
  return {
    version: 'v2',
    create(id, limits) {
      const directory = `${parent}/${id}`;
      makeNewCgroupDirectory(directory);
      setV2Limits(directory, limits);
      return v2Cgroup(directory);
    },
    close() {
      removeCgroupDirectoryNow(parent);
      return Promise.resolve();
    },
  };
}
