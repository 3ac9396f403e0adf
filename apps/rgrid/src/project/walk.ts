import {
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  type Dirent,
  type Stats,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { systemErrorCode } from '@nexus/kit/errors';

import { usageProblem } from '../problem.ts';
import { plural, quoted } from '../terminal/text.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { isWithin } from './project-folder.ts';
import type { StayReason } from './staying.ts';

/** A file that travels: where it is here, its path in the manifest, and what tells it unchanged. */
export interface ProjectFile {
  path: string;
  absolute: string;
  mode: number;
  sizeBytes: number;
  mtimeMs: number;
  ctimeMs: number;
  inode: number;
}

export interface WalkTask {
  /** Absolute path of the folder to walk. */
  folder: string;
  /** Manifest path of a path below it. */
  manifestPath(absolute: string): string;
  /** undefined: everything travels (a folder outside of the project that an argument named). */
  rules: IgnoreRules | undefined;
  /** Absolute paths that stay at home whatever the rules say. */
  excluded: ReadonlySet<string>;
  /** Real path that symbolic links must not lead out of. */
  realRoot: string;
}

/** What a walk found, by manifest path. Several walks may fill the same one. */
export class Findings {
  readonly files = new Map<string, ProjectFile>();
  readonly directories = new Map<string, number>();
  readonly symlinks = new Map<string, string>();
  /** Absolute paths of symbolic links whose target travels in their place, because an argument named it. */
  readonly followed = new Set<string>();
  /** Manifest paths of files that were named one by one. */
  readonly chosen = new Set<string>();
  readonly staying = new Map<StayReason, string[]>();

  addStaying(reason: StayReason, path: string): void {
    const others = this.staying.get(reason);
    if (others) others.push(path);
    else this.staying.set(reason, [path]);
  }
}

export const MAX_ENTRIES = 200_000;

export function walk(task: WalkTask, into: Findings): void {
  walkFolder(task, { folder: task.folder, rules: task.rules }, into);
}

interface Folder {
  folder: string;
  rules: IgnoreRules | undefined;
}

/** Returns how many entries below `folder` travel, so that a folder left empty travels as such. */
function walkFolder(task: WalkTask, { folder, rules }: Folder, into: Findings): number {
  let count = 0;
  for (const entry of readFolder(folder)) {
    const path = join(folder, entry.name);
    if (task.excluded.has(path)) continue;
    const verdict = rules?.judge(path, entry.isDirectory()) ?? 'travels';
    if (verdict === 'ignored') continue;
    checkName(folder, entry.name);
    count += 1;
    if (!entry.isDirectory()) {
      addEntry(task, path, into);
      continue;
    }
    const inner = verdict === 'taken_back' ? rules?.withoutGit() : rules;
    const below = walkFolder(task, { folder: path, rules: inner?.enter(path) }, into);
    if (below === 0) addEmptyFolder(task, path, into);
  }
  return count;
}

function readFolder(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    // Gone since it was listed: as if it had never been there.
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw unreadable(folder, error);
  }
}

function addEmptyFolder(task: WalkTask, path: string, into: Findings): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats) into.directories.set(task.manifestPath(path), stats.mode & 0o777);
}

function addEntry(task: WalkTask, path: string, into: Findings): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return;
  if (stats.isFile()) addFile({ path: task.manifestPath(path), absolute: path, stats }, into);
  else if (into.followed.has(path)) return;
  else if (stats.isSymbolicLink()) addSymlink(task, path, into);
  else into.addStaying(specialKind(stats), task.manifestPath(path));
}

export function addFile(
  file: { path: string; absolute: string; stats: Stats },
  into: Findings,
): void {
  const { stats } = file;
  into.files.set(file.path, {
    path: checkPath(file.path),
    absolute: file.absolute,
    mode: stats.mode & 0o777,
    sizeBytes: stats.size,
    mtimeMs: stats.mtimeMs,
    ctimeMs: stats.ctimeMs,
    inode: stats.ino,
  });
  if (into.files.size > MAX_ENTRIES) {
    throw usageProblem(
      `the project has more than ${plural(MAX_ENTRIES, 'file')}: put what the script does not need into .rgridignore`,
    );
  }
}

export function addSymlink(task: WalkTask, path: string, into: Findings): void {
  const target = readlinkSync(path);
  if (leadsOutside(task, path, target)) {
    into.addStaying('symbolic link', task.manifestPath(path));
    return;
  }
  into.symlinks.set(checkPath(task.manifestPath(path)), target);
}

// A broken link is judged by its text alone: it may name what the script is going to make.
function leadsOutside(task: WalkTask, path: string, target: string): boolean {
  const real = statSync(path, { throwIfNoEntry: false }) ? realpathSync(path) : undefined;
  if (real !== undefined) return !isWithin(task.realRoot, real);
  return !isWithin(task.folder, resolve(dirname(path), target));
}

function specialKind(stats: Stats): StayReason {
  if (stats.isFIFO()) return 'named pipe';
  return stats.isSocket() ? 'socket' : 'device';
}

function checkName(folder: string, name: string): void {
  if (!name.includes('\u{FFFD}')) return;
  // Decoding put U+FFFD where bytes are not UTF-8, unless the name really holds one.
  const names = readdirSync(folder, { encoding: 'buffer' });
  if (names.some((raw) => raw.toString('latin1') === Buffer.from(name).toString('latin1'))) return;
  const raw = names.find((candidate) => candidate.toString() === name)?.toString('latin1') ?? name;
  const escaped = raw.replaceAll(
    /[^ -~]/g,
    (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  throw usageProblem(
    `the name of ${join(folder, escaped)} is not valid UTF-8: rename it, or put a pattern for it into .rgridignore`,
  );
}

function checkPath(path: string): string {
  if (path.length <= 4096) return path;
  throw usageProblem(`the path ${quoted(`${path.slice(0, 60)}…`)} has more than 4096 characters`);
}

export function unreadable(path: string, error: unknown) {
  const code = systemErrorCode(error);
  const why = code === 'EACCES' || code === 'EPERM' ? 'permission denied' : (code ?? String(error));
  return usageProblem(
    `cannot read ${quoted(path)}: ${why} (make it readable, or put it into .rgridignore)`,
  );
}
