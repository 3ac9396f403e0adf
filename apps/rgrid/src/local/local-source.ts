import { constants } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';

import type { FileEntry } from '@nexus/grid/contract';
import type { BlobSource as WorkspaceSource } from '@nexus/workspace';

import type { BlobSource } from '../project/pack.ts';
import { readRange } from '../project/read-range.ts';

/** The files of a run from where they lie on this machine. */
export function localSource(sources: ReadonlyMap<string, BlobSource>): WorkspaceSource {
  return {
    place: async ({ sha256, path }: FileEntry, destination: string) => {
      const source = sources.get(sha256);
      // Everything in the manifests was packed from here, so there is a source for each of it.
      if (!source) throw new Error(`nothing here has the content of ${path}`);
      await copySource(source, destination);
    },
  };
}

export async function copySource(
  { path, sizeBytes, start }: BlobSource,
  destination: string,
): Promise<void> {
  if (start === undefined) {
    // Shares the blocks where the file system can; a script that writes gets its own.
    await copyFile(path, destination, constants.COPYFILE_FICLONE);
    return;
  }
  const file = await open(destination, 'wx', 0o600);
  try {
    for await (const piece of readRange({ path, start, sizeBytes })) await file.write(piece);
  } finally {
    await file.close();
  }
}
