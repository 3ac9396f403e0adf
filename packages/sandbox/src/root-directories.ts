import { rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeOpenDirectory, writeOpenFile } from './open-files.ts';
import type { PlacedMount } from './place-mounts.ts';
import type { RootView } from './root-view.ts';
import type { ScratchDirectory } from './scratch-directory.ts';

/**
 * Directories that become the sandbox's read-only root: links, small generated files and the
 * mount points. Executions whose mounts go to the same places share one, so that a start makes
 * no directories.
 */
export interface RootDirectories {
  acquire(mounts: readonly PlacedMount[]): Promise<{ path: string; readonly release: () => void }>;
}

/** Targets that differ per dependency set would otherwise pile up for months. */
const KEPT_UNUSED = 64;

interface RootDirectory {
  path: Promise<string>;
  users: number;
}

async function makeMountPoint(path: string, isFile: boolean): Promise<void> {
  await makeOpenDirectory(isFile ? dirname(path) : path);
  if (isFile) await writeOpenFile(path, '');
}

async function makeRoot(
  root: string,
  view: RootView,
  mounts: readonly PlacedMount[],
): Promise<string> {
  const inRoot = (path: string): string => join(root, path);
  for (const directory of view.directories) await makeOpenDirectory(inRoot(directory));
  for (const [name, text] of Object.entries(view.symlinks)) await symlink(text, inRoot(name));
  for (const device of view.devices) await writeOpenFile(inRoot(`dev/${device}`), '');
  for (const bind of view.binds) await makeMountPoint(inRoot(bind.target), bind.isFile);
  for (const mount of mounts) {
    if (mount.placement === 'root') await makeMountPoint(inRoot(mount.target), mount.isFile);
  }
  return root;
}

export function createRootDirectories(scratch: ScratchDirectory, view: RootView): RootDirectories {
  const directories = new Map<string, RootDirectory>();

  const find = (mounts: readonly PlacedMount[]): RootDirectory => {
    const shape = mounts
      .filter((mount) => mount.placement === 'root')
      .map((mount) => [mount.target, mount.isFile]);
    const key = JSON.stringify(shape);
    const found = directories.get(key) ?? {
      path: makeRoot(scratch.newPath('root'), view, mounts),
      users: 0,
    };
    // Last used goes last, so that the first of the map is the one to drop.
    directories.delete(key);
    directories.set(key, found);
    return found;
  };

  const forget = (directory: RootDirectory): void => {
    for (const [key, value] of directories) if (value === directory) directories.delete(key);
  };

  const dropOldest = (): void => {
    const unused = [...directories].filter(([, directory]) => directory.users === 0);
    for (const [key, directory] of unused.slice(0, Math.max(0, unused.length - KEPT_UNUSED))) {
      directories.delete(key);
      void directory.path
        .then((path) => rm(path, { recursive: true, force: true }))
        .catch(() => undefined);
    }
  };

  return {
    async acquire(mounts) {
      const directory = find(mounts);
      directory.users += 1;
      const path = await directory.path.catch((error: unknown) => {
        forget(directory);
        throw error;
      });
      return {
        path,
        release() {
          directory.users -= 1;
          dropOldest();
        },
      };
    },
  };
}
