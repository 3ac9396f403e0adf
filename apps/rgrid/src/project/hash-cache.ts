import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { writeFileAtomically } from '@nexus/kit/files';
import { sha256 } from '@nexus/kit/hash';

import type { ProjectFile } from './walk.ts';

/** [sizeBytes, mtimeMs, ctimeMs, inode, sha256] */
type Row = [number, number, number, number, string];

/**
 * A file written this recently may be written again within the clock's step and look the same, as
 * in git's "racily clean" entries: its hash is not kept.
 */
const SETTLED_MS = 2000;

/** SHA-256 sums of files seen earlier, so that a second run of a large project reads none of them. */
export class HashCache {
  readonly #path: string;
  readonly #known: Map<string, Row>;
  readonly #next = new Map<string, Row>();

  private constructor(path: string, known: Map<string, Row>) {
    this.#path = path;
    this.#known = known;
  }

  static load(folder: string, root: string): HashCache {
    const path = join(folder, `${sha256(root).slice(0, 32)}.json`);
    return new HashCache(path, readRows(path));
  }

  find(file: ProjectFile): string | undefined {
    const row = this.#known.get(file.absolute);
    if (!row) return undefined;
    const [sizeBytes, mtimeMs, ctimeMs, inode, digest] = row;
    const isSame =
      sizeBytes === file.sizeBytes &&
      mtimeMs === file.mtimeMs &&
      ctimeMs === file.ctimeMs &&
      inode === file.inode;
    return isSame ? digest : undefined;
  }

  keep(file: ProjectFile, digest: string, now: number): void {
    if (now - Math.max(file.mtimeMs, file.ctimeMs) < SETTLED_MS) return;
    this.#next.set(file.absolute, [file.sizeBytes, file.mtimeMs, file.ctimeMs, file.inode, digest]);
  }

  /** Only what this run saw is kept, so files that are gone leave the cache with it. */
  async save(): Promise<void> {
    const isUnchanged =
      this.#next.size === this.#known.size &&
      [...this.#next].every(([path, row]) => this.#known.get(path)?.[4] === row[4]);
    if (isUnchanged) return;
    // A cache that cannot be written costs time on the next run, nothing else.
    await writeFileAtomically(this.#path, JSON.stringify([...this.#next])).catch(() => undefined);
  }
}

function readRows(path: string): Map<string, Row> {
  try {
    // Written by save() above in this very shape; a damaged file throws or finds nothing.
    return new Map(JSON.parse(readFileSync(path, 'utf8')) as [string, Row][]);
  } catch {
    return new Map();
  }
}
