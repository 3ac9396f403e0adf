import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { runTool } from './tool.ts';

const NEVER = new Set(['node_modules', '.git', 'coverage', 'outputs']);

/** Paths, relative to `root`, that git tracks or would track; without git, every file. */
export async function listTrackedFiles(root: string): Promise<string[]> {
  const listed = await runTool(root, [
    'git',
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
  ]).catch(() => undefined);
  const files =
    listed?.exitCode === 0 ? listed.output.split('\0').filter(Boolean) : await listAllFiles(root);
  // git also lists what was deleted and not yet committed.
  return files.filter((file) => existsSync(path.join(root, file))).toSorted();
}

async function listAllFiles(root: string, folder = ''): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(path.join(root, folder), { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isFile()) found.push(file);
    else if (entry.isDirectory() && !NEVER.has(entry.name)) {
      found.push(...(await listAllFiles(root, file)));
    }
  }
  return found;
}

/** The text of a file, or undefined when it holds bytes that are no text. */
export async function findText(file: string): Promise<string | undefined> {
  const bytes = await readFile(file);
  return bytes.includes(0) ? undefined : bytes.toString('utf8');
}

export function countLines(text: string): number {
  return text === '' ? 0 : text.replace(/\n$/, '').split('\n').length;
}
