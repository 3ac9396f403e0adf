import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { FileEntry, ManifestEntry } from '@nexus/grid/contract';

/** Where bytes come from: the control plane, a cache, or, for a local run, the user's own files. */
export interface BlobSource {
  /** Makes `destination` (which does not exist) with exactly the bytes of the entry. Its mode is set afterwards. */
  place(entry: FileEntry, destination: string): Promise<void>;
}

export interface Owner {
  uid: number;
  gid: number;
}

/**
 * What a file or link looked like before the script ran. ctime moves with every change and cannot be set
 * back, but also when only a mode or a name does; mtime moves when it is written. Reading moves neither.
 */
export interface Fingerprint {
  ctimeNs: bigint;
  mtimeNs: bigint;
  inode: bigint;
  entry: ManifestEntry;
}

/** By absolute path inside the sandbox. */
export type Baseline = Map<string, Fingerprint>;

export interface MaterializeRequest {
  /** Folder on this machine that stands for `/` inside. */
  tree: string;
  entries: readonly ManifestEntry[];
  /** Folders that must exist although no entry makes them: the project root, the working directory. */
  folders: readonly string[];
  owner: Owner | null;
  source: BlobSource;
}

const CONCURRENCY = 16;

/** Lays out the files of an execution. Folders first, so that files can be written side by side. */
export async function materialize(request: MaterializeRequest): Promise<void> {
  const { tree, entries, owner } = request;
  const directories = entries.filter((entry) => entry.type === 'directory');
  const parents = entries.map((entry) => dirname(entry.path));
  await makeFolders(
    tree,
    [...request.folders, ...parents, ...directories.map((entry) => entry.path)],
    owner,
  );
  const time = timeBefore(Date.now());
  await inParallel(entries, async (entry) => {
    await placeEntry(request, entry);
    if (entry.type !== 'directory') lutimesSync(join(tree, entry.path), time, time);
  });
  // Last and deepest first: a folder without write permission must be filled before it is closed.
  for (const entry of directories.toSorted((a, b) => b.path.length - a.path.length)) {
    chmodSync(join(tree, entry.path), entry.mode);
  }
}

/**
 * In seconds. Clocks of file systems tick every few milliseconds: what a script writes in the tick in which
 * it was given the file would otherwise bear the same time.
 */
function timeBefore(now: number): number {
  return Math.floor(now / 1000) - 1;
}

async function makeFolders(
  tree: string,
  paths: readonly string[],
  owner: Owner | null,
): Promise<void> {
  const wanted = [...new Set([...foldersAbove(paths), ...paths])].toSorted(
    (a, b) => a.length - b.length,
  );
  await inBites(wanted, (path) => {
    const folder = join(tree, path);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    if (owner) chownSync(folder, owner.uid, owner.gid);
  });
}

function foldersAbove(paths: readonly string[]): Set<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    for (
      let folder = dirname(path);
      folder !== '/' && !folders.has(folder);
      folder = dirname(folder)
    ) {
      folders.add(folder);
    }
  }
  return folders;
}

async function placeEntry(
  { tree, owner, source }: MaterializeRequest,
  entry: ManifestEntry,
): Promise<void> {
  const path = join(tree, entry.path);
  if (entry.type === 'symlink') {
    symlinkSync(entry.target, path);
    if (owner) lchownSync(path, owner.uid, owner.gid);
    return;
  }
  if (entry.type === 'directory') return;
  await source.place(entry, path);
  if (owner) chownSync(path, owner.uid, owner.gid);
  chmodSync(path, entry.mode);
}

/** Taken right before the script starts; `scanChanges` compares with it. */
export async function takeBaseline(
  tree: string,
  entries: readonly ManifestEntry[],
): Promise<Baseline> {
  const baseline: Baseline = new Map();
  // Folders that no entry names, made to hold those that are named.
  await inBites([...foldersAbove(entries.map((entry) => entry.path))], (path) => {
    const mode = statSync(join(tree, path)).mode & 0o777;
    baseline.set(path, fingerprint(join(tree, path), { type: 'directory', path, mode }));
  });
  await inBites(entries, (entry) => {
    baseline.set(entry.path, fingerprint(join(tree, entry.path), entry));
  });
  return baseline;
}

function fingerprint(path: string, entry: ManifestEntry): Fingerprint {
  const { ctimeNs, mtimeNs, ino: inode } = lstatSync(path, { bigint: true });
  return { ctimeNs, mtimeNs, inode, entry };
}

const BITE = 64;

/**
 * Small file system calls one after the other, without handing each to a thread and back, which costs
 * several times the call itself; other work gets its turn between bites.
 */
export async function inBites<T>(items: readonly T[], work: (item: T) => void): Promise<void> {
  for (const [position, item] of items.entries()) {
    if (position > 0 && position % BITE === 0) await nextTurn();
    work(item);
  }
}

export async function inParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: Math.min(CONCURRENCY, items.length) }, async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  });
  await Promise.all(lanes);
}
