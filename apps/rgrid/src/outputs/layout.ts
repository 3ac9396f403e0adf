import { basename, dirname, resolve } from 'node:path';

import type { Execution } from '@nexus/grid/contract';

import { isWithin } from '../project/project-folder.ts';

/** One execution of a batch: the word of its input, and the absolute path of the file if it is one. */
export interface LayoutItem {
  text: string;
  path: string | null;
}

/** A folder as an input is in no manifest, but its name shows: plain values hold no slash. */
export function layoutItem(
  execution: Pick<Execution, 'label' | 'input'>,
  folder: string,
): LayoutItem {
  const { label, input } = execution;
  const isPath = input !== null || label.includes('/');
  return { text: label, path: isPath ? resolve(folder, label) : null };
}

/**
 * The folder of each item below the output folder: the base name of its input; where base names
 * collide, the path below their common parent (`x/in.csv`, `y/in.csv`); for a plain value the value
 * itself, made safe. No folder is ever inside another one's.
 */
export function outputFolders(items: readonly LayoutItem[]): string[] {
  const names = items.map((item) =>
    item.path === null ? safeName(item.text) : safeName(basename(item.path)),
  );
  const groups = Map.groupBy(items.keys(), (index) => names[index] ?? '');
  for (const indexes of groups.values()) {
    if (indexes.length > 1) separate(items, indexes, names);
  }
  return makeUnique(names);
}

function separate(items: readonly LayoutItem[], indexes: readonly number[], names: string[]): void {
  const paths = indexes.flatMap((index) => items[index]?.path ?? []);
  // Equal plain values cannot be told apart by a path; makeUnique() numbers them.
  if (paths.length < indexes.length) return;
  const parent = commonParent(paths);
  for (const [position, index] of indexes.entries()) {
    names[index] = (paths[position] ?? '').slice(parent === '/' ? 1 : parent.length + 1);
  }
}

export function commonParent(paths: readonly string[]): string {
  let parent = dirname(paths[0] ?? '/');
  while (!paths.every((path) => isWithin(parent, path))) parent = dirname(parent);
  return parent;
}

/** A folder name out of any text: one part, not hidden, nothing a file system or a terminal trips over. */
export function safeName(text: string): string {
  const clean = text
    .replaceAll(/[/\p{Cc}]/gu, '_')
    .replace(/^\.+/, (dots) => '_'.repeat(dots.length));
  if (clean === '') return '_';
  // 255 bytes is what file systems allow, and a letter may take four of them.
  return Buffer.byteLength(clean) <= 240 ? clean : Array.from(clean).slice(0, 60).join('');
}

function makeUnique(names: readonly string[]): string[] {
  const taken = new Set<string>();
  const above = new Set<string>();
  // `x` beside `x/in.csv`: the outputs of the one would lie among the other's.
  const isFree = (name: string) =>
    !taken.has(name) && !above.has(name) && !foldersAbove(name).some((folder) => taken.has(folder));
  return names.map((name) => {
    let unique = name;
    for (let attempt = 2; !isFree(unique); attempt += 1) unique = `${name}-${attempt}`;
    taken.add(unique);
    for (const folder of foldersAbove(unique)) above.add(folder);
    return unique;
  });
}

function foldersAbove(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * Names for `--flat`, where all outputs share one folder: as the script called them where only one
 * execution made a file of that name, with the input's name before it where several did. Returns the
 * paths to rename for each execution; the same set of outputs always gives the same names.
 */
export function flatNames(
  items: readonly { folder: string; paths: readonly string[] }[],
): Map<string, string>[] {
  const makers = new Map<string, number>();
  for (const path of items.flatMap((item) => item.paths))
    makers.set(path, (makers.get(path) ?? 0) + 1);
  return items.map(({ folder, paths }) => {
    const collisions = paths.filter((path) => (makers.get(path) ?? 0) > 1);
    return new Map(collisions.map((path) => [path, prefixed(path, folder)]));
  });
}

function prefixed(path: string, folder: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}${folder.replaceAll('/', '_')}-${path.slice(slash)}`;
}
