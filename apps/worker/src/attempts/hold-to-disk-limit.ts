import { DISK_FULL_REASON, type FileEntry, type Manifest } from '@nexus/grid/contract';
import { formatBytes } from '@nexus/kit/bytes';
import type { AttemptResult } from '@nexus/workspace';

export type Ending = Pick<AttemptResult, 'outcome' | 'exitCode' | 'reason' | 'changes'>;

/** What the attempt was given: nothing that it can be blamed for. */
export interface Given {
  project: Manifest;
  input: FileEntry | null;
  diskBytes: number;
}

/**
 * On disk a file with holes takes no room, so the sandbox does not count them; on its way back it would be
 * as large as it says. An attempt whose outputs are larger than its disk limit has filled the disk, and nothing
 * of it is published.
 */
export function holdToDiskLimit<E extends Ending>(ending: E, given: Given): E {
  const bytes = grownBytes(ending.changes.manifest, given);
  if (bytes <= given.diskBytes) return ending;
  const [made, allowed] = sizeTexts(bytes, given.diskBytes);
  const reason = `${DISK_FULL_REASON}: its outputs have ${made}, its --disk is ${allowed}; none of them came back`;
  const isOfItself = ending.outcome === 'succeeded' || ending.outcome === 'failed';
  return {
    ...ending,
    ...(isOfItself
      ? { outcome: 'failed', exitCode: null, reason }
      : { reason: [ending.reason, reason].filter(Boolean).join('; ') }),
    changes: { ...ending.changes, manifest: { entries: [] } },
  };
}

function grownBytes(outputs: Manifest, { project, input, diskBytes }: Given): number {
  const sizes = outputs.entries.map((entry) => (entry.type === 'file' ? entry.sizeBytes : 0));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  // Nearly always: then nobody needs to know what each file had before.
  if (total <= diskBytes) return total;
  const before = new Map(
    [...project.entries, ...(input ? [input] : [])].map((entry) => [
      entry.path,
      entry.type === 'file' ? entry.sizeBytes : 0,
    ]),
  );
  return outputs.entries.reduce(
    (sum, entry, index) => sum + Math.max(0, (sizes[index] ?? 0) - (before.get(entry.path) ?? 0)),
    0,
  );
}

/** Two sizes that differ must not read the same. */
function sizeTexts(...sizes: number[]): string[] {
  const texts = sizes.map(formatBytes);
  return new Set(texts).size === texts.length ? texts : sizes.map((bytes) => `${bytes} bytes`);
}
