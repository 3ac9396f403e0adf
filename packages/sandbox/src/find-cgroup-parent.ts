import { readdirSync } from 'node:fs';
import type { CgroupParent } from './cgroup.ts';
import { CGROUP_NAME, emptyCgroupDirectory, removeCgroupDirectory } from './cgroup-directory.ts';
import { findV1Mounts, v1Parent } from './cgroup-v1.ts';
import {
  findDelegatedCgroup,
  findV2Mount,
  ownV2Path,
  prepareDelegatedCgroup,
  v2Parent,
} from './cgroup-v2.ts';
import type { SandboxLimits } from './driver.ts';
import { readMountTable } from './mount-table.ts';
import { isAlive, ownName } from './process-identity.ts';

const TRIAL_LIMITS: SandboxLimits = {
  cpus: 1,
  memoryBytes: 64 * 1024 * 1024,
  timeoutMs: 1000,
  processes: 8,
  openFiles: 64,
  diskBytes: 1024 * 1024,
};

/** Rights on cgroups cannot be told from modes alone (containers mount them read-only): try one. */
async function tryParent(make: () => CgroupParent): Promise<CgroupParent | null> {
  try {
    const parent = make();
    await parent.create(`trial-${process.hrtime.bigint()}`, TRIAL_LIMITS).remove();
    return parent;
  } catch {
    return null;
  }
}

/** null: no cgroup can be made here, limits must be watched from outside. */
export async function findCgroupParent(): Promise<CgroupParent | null> {
  if (process.platform !== 'linux') return null;
  const table = readMountTable();
  // One for each host, so that closing one leaves the others theirs.
  const owner = ownName();
  const v2 = findV2Mount(table);
  if (v2 !== null) {
    const delegated = findDelegatedCgroup(v2, ownV2Path());
    if (delegated === null || !prepareDelegatedCgroup(delegated)) return null;
    return tryParent(() => v2Parent(delegated, owner));
  }
  const v1 = findV1Mounts(table);
  return v1 === null ? null : tryParent(() => v1Parent(v1, owner));
}

function listDirectories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function listSweepRoots(): string[] {
  const table = readMountTable();
  const v1 = findV1Mounts(table);
  const v2 = findV2Mount(table);
  const delegated = v2 === null ? null : findDelegatedCgroup(v2, ownV2Path());
  return [...new Set([...Object.values(v1 ?? {}), ...(delegated === null ? [] : [delegated])])];
}

/**
 * Removes cgroups whose worker is dead and kills what still runs in them. Safe beside other
 * workers: theirs are left alone. Answers how many executions' cgroups were removed.
 */
export async function sweepCgroups(): Promise<number> {
  if (process.platform !== 'linux') return 0;
  const swept = new Set<string>();
  for (const root of listSweepRoots()) {
    const top = `${root}/${CGROUP_NAME}`;
    for (const owner of listDirectories(top).filter((name) => !isAlive(name))) {
      for (const id of listDirectories(`${top}/${owner}`)) {
        await emptyCgroupDirectory(`${top}/${owner}/${id}`);
        await removeCgroupDirectory(`${top}/${owner}/${id}`);
        swept.add(`${owner}/${id}`);
      }
      await removeCgroupDirectory(`${top}/${owner}`);
    }
  }
  return swept.size;
}
