import type { ManifestEntry } from '@nexus/grid/contract';

/** What lies here where an output wants to go. */
export type LocalState =
  | { kind: 'absent' }
  | { kind: 'file'; sha256: string }
  | { kind: 'symlink'; target: string }
  | { kind: 'directory' }
  | { kind: 'other' };

/** What is known of the place: content that may be replaced, because it came from here or was put here by us. */
export interface KnownContent {
  /** The entry as it was sent with the run. */
  sent: ManifestEntry | undefined;
  /** SHA-256 of what rgrid wrote there itself. */
  written: readonly string[];
}

export type Placement = 'write' | 'identical' | 'beside';

/**
 * A local file is replaced only when nothing is lost by it: it is what this run was given, or what
 * rgrid put there earlier. Anything else was made or changed here meanwhile, and stays.
 */
export function decidePlacement(
  entry: ManifestEntry,
  local: LocalState,
  known: KnownContent,
): Placement {
  if (local.kind === 'absent') return 'write';
  switch (entry.type) {
    case 'file':
      return decideFile(entry.sha256, local, known);
    case 'symlink':
      if (local.kind !== 'symlink') return 'beside';
      if (local.target === entry.target) return 'identical';
      return known.sent?.type === 'symlink' && known.sent.target === local.target
        ? 'write'
        : 'beside';
    case 'directory':
      return local.kind === 'directory' ? 'identical' : 'beside';
  }
}

function decideFile(sha256: string, local: LocalState, known: KnownContent): Placement {
  if (local.kind !== 'file') return 'beside';
  if (local.sha256 === sha256) return 'identical';
  const isAsSent = known.sent?.type === 'file' && known.sent.sha256 === local.sha256;
  return isAsSent || known.written.includes(local.sha256) ? 'write' : 'beside';
}
