import type { FileEntry, Manifest, ManifestEntry } from '@nexus/grid/contract';

import type { HashCache } from './hash-cache.ts';
import { hashFiles, type HashedFile } from './hash-files.ts';
import type { Findings, ProjectFile } from './walk.ts';

/** Where the bytes of a blob can be read here. */
export interface BlobSource {
  path: string;
  sizeBytes: number;
  /** Where in the file they begin; only a redirected stdin begins elsewhere than at 0. */
  start?: number;
}

export interface Package {
  manifest: Manifest;
  /** By manifest path, inputs of a batch included, which are in no manifest. */
  entries: ReadonlyMap<string, FileEntry>;
  sources: Map<string, BlobSource>;
  totalBytes: number;
}

export interface PackRequest {
  findings: Findings;
  /** Files that travel besides the project: the inputs of a batch. */
  inputs: readonly ProjectFile[];
  cache: HashCache | undefined;
}

/** Reads and names everything that was found. */
export async function pack({ findings, inputs, cache }: PackRequest): Promise<Package> {
  const project = [...findings.files.values()];
  const hashed = await hashFiles([...project, ...inputs], cache);
  await cache?.save();
  const entries = new Map(hashed.map((file) => [file.path, fileEntry(file)]));
  return {
    manifest: { entries: manifestEntries(findings, entries) },
    entries,
    sources: new Map(
      hashed.map((file) => [file.sha256, { path: file.absolute, sizeBytes: file.sizeBytes }]),
    ),
    totalBytes: hashed.reduce((sum, file) => sum + file.sizeBytes, 0),
  };
}

function fileEntry({ path, mode, sizeBytes, sha256 }: HashedFile): FileEntry {
  return { type: 'file', path, mode, sizeBytes, sha256 };
}

function manifestEntries(
  findings: Findings,
  entries: ReadonlyMap<string, FileEntry>,
): ManifestEntry[] {
  const all: ManifestEntry[] = [...findings.files.keys()].flatMap(
    (path) => entries.get(path) ?? [],
  );
  for (const [path, mode] of findings.directories) all.push({ type: 'directory', path, mode });
  for (const [path, target] of findings.symlinks) all.push({ type: 'symlink', path, target });
  return all.sort((a, b) => (a.path < b.path ? -1 : 1));
}
