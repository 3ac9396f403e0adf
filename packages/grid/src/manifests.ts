import { canonicalJson, sha256 } from '@nexus/kit/hash';

import type { FileEntry, Manifest, ManifestEntry } from './contract/index.ts';

/** The bytes a manifest is stored and named by: entries sorted by path, keys sorted. */
export function manifestBytes(manifest: Manifest): Buffer {
  const entries = manifest.entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return Buffer.from(canonicalJson({ entries }));
}

export function manifestSha256(manifest: Manifest): string {
  return sha256(manifestBytes(manifest));
}

export function filesOf(manifest: Manifest): FileEntry[] {
  return manifest.entries.filter((entry: ManifestEntry) => entry.type === 'file');
}
