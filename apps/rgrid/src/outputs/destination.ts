import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  type Stats,
} from 'node:fs';

import { basename, dirname, join, resolve } from 'node:path';

import { systemErrorCode } from '@nexus/kit/errors';

import { isWithin } from '../project/project-folder.ts';
import { partName } from './own-names.ts';

/**
 * The folder that outputs are written into, and never out of. Symbolic links on the way are not
 * followed: one that somebody put there could lead anywhere.
 */
export class Destination {
  readonly root: string;
  /** Set at the end: a folder that nobody may write to or enter could not be filled. */
  readonly #finalModes = new Map<string, number>();
  readonly #created = new Set<string>();

  private constructor(root: string) {
    this.root = root;
  }

  /** Makes the folder if need be. It may itself be a link: the person named it. */
  static open(folder: string): Destination {
    mkdirSync(folder, { recursive: true });
    return new Destination(realpathSync(folder));
  }

  /** The first part of a path that is something else than a folder, with what is below it; undefined if none is. */
  findObstacle(path: string): { before: string; name: string; after: string } | undefined {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const stats = statOf(join(this.root, ...parts.slice(0, depth)));
      if (!stats) return undefined;
      if (!stats.isDirectory()) {
        const before = parts.slice(0, depth - 1).join('/');
        return { before, name: parts[depth - 1] ?? '', after: parts.slice(depth).join('/') };
      }
    }
    return undefined;
  }

  /** What is there; undefined for nothing. Never follows a link. */
  look(path: string): Stats | undefined {
    return statOf(join(this.root, path));
  }

  /** What lies in a folder; nothing for one that is not there. */
  namesIn(folder: string): string[] {
    return this.look(folder) ? readdirSync(join(this.root, folder)) : [];
  }

  readLink(path: string): string {
    return readlinkSync(join(this.root, path));
  }

  absolute(path: string): string {
    return join(this.root, path);
  }

  makeParent(path: string): void {
    const parent = dirname(path);
    if (parent !== '.') this.#makeFolder(parent);
  }

  makeFolder(path: string, mode: number): void {
    this.#makeFolder(path);
    this.#finalModes.set(path, mode);
  }

  #makeFolder(path: string): void {
    const first = mkdirSync(this.absolute(path), { recursive: true });
    if (first === undefined) return;
    for (let folder = path; isWithin(first, this.absolute(folder)); folder = dirname(folder))
      this.#created.add(folder);
  }

  /** Whether a folder is there only since this destination was opened. */
  hasCreated(path: string): boolean {
    return this.#created.has(path);
  }

  /** Lets us into a folder for as long as it takes; a link in its place, or on the way to it, is left alone. */
  openFolder(path: string): void {
    if (this.findObstacle(path)) return;
    const stats = this.look(path);
    if (!stats?.isDirectory() || (stats.mode & 0o700) === 0o700) return;
    if (!this.#finalModes.has(path)) this.#finalModes.set(path, stats.mode & 0o777);
    chmodSync(this.absolute(path), (stats.mode & 0o777) | 0o700);
  }

  /** A name in the same folder that a file can be written to before it gets its own. */
  temporaryPath(path: string, mark = randomBytes(6).toString('hex')): string {
    const folder = dirname(this.absolute(path));
    // Not from the name itself: with 255 bytes it would leave no room.
    return join(folder, partName(mark));
  }

  /** Gives a finished file its name and mode, in place of whatever was there. */
  publish(temporary: string, path: string, mode: number): void {
    chmodSync(temporary, mode);
    renameSync(temporary, this.absolute(path));
  }

  /** Returns whether it was another one. */
  setMode(path: string, mode: number): boolean {
    const before = this.look(path);
    if (before === undefined || (before.mode & 0o777) === mode) return false;
    chmodSync(this.absolute(path), mode);
    return true;
  }

  makeLink(path: string, target: string): void {
    const temporary = this.temporaryPath(path);
    symlinkSync(target, temporary);
    try {
      renameSync(temporary, this.absolute(path));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  /** Whether a link laid at `path` would stay in the destination, through other links too. */
  staysInside(path: string, target: string): boolean {
    if (turnsBack(target)) return false;
    const end = resolve(dirname(this.absolute(path)), target);
    if (!isWithin(this.root, end)) return false;
    return isWithin(this.root, realEnd(end));
  }

  /** Gives folders their modes. Nothing is written afterwards. */
  finish(): void {
    const deepestFirst = [...this.#finalModes].toSorted((a, b) => b[0].length - a[0].length);
    this.#finalModes.clear();
    for (const [path, mode] of deepestFirst) {
      // Somebody may have taken it away, or put a link in its place, meanwhile.
      if (this.look(path)?.isDirectory()) chmodSync(this.absolute(path), mode);
    }
  }
}

/** `a/../b` is `b` only where `a` is no link, and a link laid later can make it one. */
function turnsBack(target: string): boolean {
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const firstName = parts.findIndex((part) => part !== '..');
  return firstName >= 0 && parts.includes('..', firstName);
}

/** The real path of the longest part that exists. */
function realEnd(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const code = systemErrorCode(error);
    // A circle of links ends nowhere, so it does not lead outside either.
    if (code === 'ELOOP' || dirname(path) === path) return path;
    return join(realEnd(dirname(path)), basename(path));
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
