import { chmod, lstat, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { create } from 'tar';

/**
 * A .tar.gz of a folder that depends on the names, bytes and links in it alone, and on who may
 * execute what: the same folder always has the same SHA-256 (on one architecture; the compressor
 * uses other instructions on another one).
 */
export async function packFolder(folder: string, archive: string): Promise<void> {
  const files = await listFiles(folder);
  for (const file of files) await normaliseMode(join(folder, file));
  await create(
    {
      file: archive,
      cwd: folder,
      // Without owners and other traces of this machine.
      portable: true,
      mtime: new Date(0),
      gzip: { level: 6, portable: true },
    },
    files,
  );
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return (
    entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      // By code unit: a locale would sort differently elsewhere.
      .toSorted((a, b) => (a < b ? -1 : 1))
  );
}

async function normaliseMode(path: string): Promise<void> {
  const stats = await lstat(path);
  if (!stats.isSymbolicLink()) await chmod(path, (stats.mode & 0o100) === 0 ? 0o644 : 0o755);
}
