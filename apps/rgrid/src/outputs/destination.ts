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
  readonly #createdModes = new Map<string, number>();

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
    mkdirSync(dirname(this.absolute(path)), { recursive: true });
  }

  makeFolder(path: string, mode: number): void {
    const isNew = this.look(path) === undefined;
    mkdirSync(this.absolute(path), { recursive: true });
    // Set at the end: a folder without write permission could not be filled.
    if (isNew) this.#createdModes.set(path, mode);
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

  finish(): void {
    const deepestFirst = [...this.#createdModes].toSorted((a, b) => b[0].length - a[0].length);
    for (const [path, mode] of deepestFirst) chmodSync(this.absolute(path), mode);
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
