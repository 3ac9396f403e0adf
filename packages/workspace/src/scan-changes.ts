import { chmod, lstat, readdir, readlink } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { join, posix } from 'node:path';

import type { Manifest, ManifestEntry } from '@nexus/grid/contract';
import { systemErrorCode } from '@nexus/kit/errors';
import { sha256OfFile } from '@nexus/kit/hash';

import { inParallel, type Baseline, type Fingerprint } from './materialize.ts';

export interface ScanRequest {
  tree: string;
  /** The project folder inside; only what lies in it comes back. */
  root: string;
  baseline: Baseline;
  /** Absolute paths inside that are not the script's doing: mount points, installed dependencies. */
  exclude: readonly string[];
}

export interface Changes {
  /** What the script made or wrote, be it the same bytes again, relative to the project folder. */
  manifest: Manifest;
  /** Names that cannot come back: special files, names that are not UTF-8, beyond the limit. */
  skipped: string[];
}

/** Made by the interpreter, not by the script; it would only get in the way of the user's own. */
const BY_PRODUCTS = new Set(['__pycache__']);
/** The contract's limit for one manifest. */
const MAX_ENTRIES = 200_000;

/** Finds what differs from the baseline. No process of the script may be alive. */
export async function scanChanges(request: ScanRequest): Promise<Changes> {
  const found: Found[] = [];
  const skipped: string[] = [];
  const into = { found, skipped };
  if (await hasRealRoot(request, into)) await walk(request, request.root, into);
  const entries: ManifestEntry[] = [];
  await inParallel(found.slice(0, MAX_ENTRIES), async (item) => {
    const entry = await toEntry(request, item, skipped);
    if (entry) entries.push(entry);
  });
  if (found.length > MAX_ENTRIES) skipped.push(`${found.length - MAX_ENTRIES} more files`);
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { manifest: { entries }, skipped };
}

interface Found {
  path: string;
  stats: BigIntStats;
}

interface Scanned {
  found: Found[];
  skipped: string[];
}

/**
 * Whether the project folder is still one, and all above it. Where the script has put a link in their
 * place, the link would lead out here, where nothing holds it in, to the files of this machine.
 */
async function hasRealRoot({ tree, root }: ScanRequest, into: Scanned): Promise<boolean> {
  let folder = tree;
  for (const part of root.split('/').filter(Boolean)) {
    const parent = folder;
    folder = join(parent, part);
    const stats = await reopening(parent, () => lstat(folder)).catch((error: unknown) => {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (stats?.isDirectory()) continue;
    into.skipped.push(
      `${JSON.stringify(root)} (the project folder is ${stats ? 'no folder any more' : 'gone'})`,
    );
    return false;
  }
  return true;
}

async function walk(request: ScanRequest, folder: string, into: Scanned): Promise<void> {
  for (const name of await readNames(join(request.tree, folder))) {
    const text = name.toString('utf8');
    const path = posix.join(folder, text);
    if (BY_PRODUCTS.has(text) || request.exclude.includes(path)) continue;
    if (!Buffer.from(text).equals(name)) {
      into.skipped.push(`${JSON.stringify(path)} (its name is not UTF-8)`);
      continue;
    }
    const stats = await lstat(join(request.tree, path), { bigint: true }).catch(
      (error: unknown) => {
        if (systemErrorCode(error) === 'ENAMETOOLONG') return undefined;
        throw error;
      },
    );
    if (!stats) {
      into.skipped.push(`${JSON.stringify(`${path.slice(0, 100)}…`)} (its path is too long)`);
      continue;
    }
    if (stats.isFile() || stats.isSymbolicLink() || stats.isDirectory()) {
      if (!isUntouched(request.baseline, path, stats)) into.found.push({ path, stats });
    } else {
      into.skipped.push(`${JSON.stringify(path)} (neither file, folder nor link)`);
    }
    if (stats.isDirectory()) await walk(request, path, into);
  }
}

function readNames(folder: string): Promise<Buffer[]> {
  return reopening(folder, () => readdir(folder, { encoding: 'buffer' }));
}

/** Does what needs permissions on a folder; where the script took them away, the folder is ours to open again. */
async function reopening<T>(folder: string, work: () => Promise<T>): Promise<T> {
  return work().catch(async (error: unknown) => {
    if (systemErrorCode(error) !== 'EACCES') throw error;
    await chmod(folder, 0o755);
    return work();
  });
}

function isUntouched(baseline: Baseline, path: string, stats: BigIntStats): boolean {
  const before = baseline.get(path);
  if (!before) return false;
  if (before.entry.type === 'directory')
    return stats.isDirectory() && Number(stats.mode & 0o777n) === before.entry.mode;
  return before.ctimeNs === stats.ctimeNs && !wasWritten(before, stats);
}

/** Another file in its place, or a write into it; not another name for it, a mode set, or a look at it. */
function wasWritten(before: Fingerprint, stats: BigIntStats): boolean {
  return before.inode !== stats.ino || before.mtimeNs !== stats.mtimeNs;
}

async function toEntry(
  request: ScanRequest,
  { path, stats }: Found,
  skipped: string[],
): Promise<ManifestEntry | undefined> {
  const relative = posix.relative(request.root, path);
  const onDisk = join(request.tree, path);
  const mode = Number(stats.mode & 0o777n);
  const fingerprint = request.baseline.get(path);
  const before = fingerprint && !wasWritten(fingerprint, stats) ? fingerprint.entry : undefined;
  if (stats.isDirectory()) return { type: 'directory', path: relative, mode };
  if (stats.isSymbolicLink()) {
    const bytes = await readlink(onDisk, { encoding: 'buffer' });
    const target = bytes.toString('utf8');
    if (!Buffer.from(target).equals(bytes)) {
      skipped.push(`${JSON.stringify(path)} (the name it links to is not UTF-8)`);
      return undefined;
    }
    return before?.type === 'symlink' && before.target === target
      ? undefined
      : { type: 'symlink', path: relative, target };
  }
  if ((mode & 0o400) === 0 && process.getuid?.() !== 0) await chmod(onDisk, mode | 0o400);
  const sha256 = await sha256OfFile(onDisk);
  // Only its ctime moved: another name for it came or went, or a mode was set and set back.
  if (before?.type === 'file' && before.sha256 === sha256 && before.mode === mode) return undefined;
  return { type: 'file', path: relative, mode, sizeBytes: Number(stats.size), sha256 };
}
