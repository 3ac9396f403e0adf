import { existsSync, statSync } from 'node:fs';
import type { Mount, SandboxSpec } from './driver.ts';
import { placeMounts, type MountPlan, type MountSource, type PlacedMount } from './place-mounts.ts';
import { createRootDirectories } from './root-directories.ts';
import { makeEtcSnapshot } from './etc-snapshot.ts';
import { readRootView, type RootView } from './root-view.ts';
import type { ScratchDirectory } from './scratch-directory.ts';

/** The file tree of one execution, the same for every driver that mounts it. */
export interface SandboxView {
  root: string;
  mounts: readonly PlacedMount[];
  readonly release: () => void;
}

export type ViewResult = { ok: true; view: SandboxView } | { ok: false; reason: string };

export interface ViewBuilder {
  readonly system: RootView;
  build(spec: SandboxSpec): Promise<ViewResult>;
}

function inspectMount(mount: Mount): MountSource | null {
  const stat = statSync(mount.source, { throwIfNoEntry: false });
  return stat === undefined ? null : { ...mount, isFile: !stat.isDirectory() };
}

function planMounts(mounts: readonly Mount[], system: RootView): MountPlan {
  const sources: MountSource[] = [];
  for (const mount of mounts) {
    const source = inspectMount(mount);
    if (source === null)
      return { ok: false, reason: `the mount source ${mount.source} does not exist` };
    sources.push(source);
  }
  return placeMounts(sources, { systemBinds: system.binds, exists: existsSync });
}

export async function createViewBuilder(scratch: ScratchDirectory): Promise<ViewBuilder> {
  const etc = scratch.newPath('etc');
  await makeEtcSnapshot(etc);
  const system = readRootView(etc);
  const roots = createRootDirectories(scratch, system);
  return {
    system,
    async build(spec) {
      const planned = planMounts(spec.mounts, system);
      if (!planned.ok) return planned;
      const root = await roots.acquire(planned.mounts);
      return { ok: true, view: { root: root.path, mounts: planned.mounts, release: root.release } };
    },
  };
}
