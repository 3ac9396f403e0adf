import { hash } from 'node:crypto';
import { rmSync } from 'node:fs';

import { isManifestPath } from '@nexus/grid/constants';
import type { FileEntry, Manifest, ManifestEntry } from '@nexus/grid/contract';
import { systemErrorCode } from '@nexus/kit/errors';

import { EXIT } from '../exit-codes.ts';
import { inLanes } from '../lanes.ts';
import { Problem } from '../problem.ts';
import { hashFiles } from '../project/hash-files.ts';
import { besideName, isBesideNameOf, shortId } from './own-names.ts';
import { decidePlacement, type LocalState, type Placement } from './decide-placement.ts';
import type { Destination } from './destination.ts';
import { RESUMABLE_BYTES } from './has-outputs.ts';
import type { Ledger } from './ledger.ts';
import { hasVersionControlPart, RepositoryFinder } from './version-control.ts';
import { describeWriteError } from './write-errors.ts';

export interface PlaceRequest {
  executionId: string;
  destination: Destination;
  ledger: Ledger;
  outputs: Manifest;
  /** Leaves the bytes of a file at a path that does not exist, checked; a part of it may be there from before. */
  fetch: (entry: FileEntry, temporary: string) => Promise<void>;
  /** What was sent, by path relative to the destination; asked for only when something is in the way. */
  sent: (path: string) => Promise<ManifestEntry | undefined>;
  /** Folder in the destination that the paths of the manifest are relative to; '' for itself. */
  prefix: string;
  /** Other names for single paths, where several executions share a folder. */
  rename?: ReadonlyMap<string, string> | undefined;
}

export interface PlaceReport {
  /** Files and links that are now here with the content of the run, by path in the destination. */
  placed: string[];
  /** Those of them that were not just so before. */
  changed: string[];
  /** How many of them had to be fetched. */
  written: number;
  /** What was in the way was kept, and the output laid beside it. */
  conflicts: { path: string; beside: string }[];
  skipped: { path: string; reason: string }[];
}

const LANES = 6;
/** Stands in the ledger for a folder that rgrid made. */
const FOLDER = 'folder';

/**
 * Writes the outputs of one execution; local files that are not its own work stay as they are. Folders get
 * their modes when the destination is finished.
 */
export async function placeOutputs(request: PlaceRequest): Promise<PlaceReport> {
  const placer = new OutputPlacer(request);
  try {
    return await placer.run();
  } catch (error) {
    throw explainWriteError(error, request);
  }
}

class OutputPlacer {
  readonly #request: PlaceRequest;
  readonly #report: PlaceReport = {
    placed: [],
    changed: [],
    written: 0,
    conflicts: [],
    skipped: [],
  };
  readonly #repositories: RepositoryFinder;

  constructor(request: PlaceRequest) {
    this.#request = request;
    const toCome = pathsAndFolders(request.outputs.entries.map((entry) => this.#wantedPath(entry)));
    this.#repositories = new RepositoryFinder(
      (path) => toCome.has(path.toLowerCase()) || request.destination.look(path) !== undefined,
    );
  }

  async run(): Promise<PlaceReport> {
    const entries = this.#request.outputs.entries.filter((entry) => this.#isAcceptable(entry));
    // An earlier run may have left a folder that cannot be entered; the outer ones come first.
    for (const entry of entries)
      if (entry.type === 'directory') this.#request.destination.openFolder(this.#wantedPath(entry));
    // Files before links: nothing is ever written through a link that came with the same outputs.
    await inLanes(
      entries.filter((entry) => entry.type === 'file'),
      LANES,
      (entry) => this.#place(entry),
    );
    for (const entry of entries) if (entry.type === 'directory') await this.#place(entry);
    for (const entry of entries) if (entry.type === 'symlink') await this.#place(entry);
    return this.#report;
  }

  #isAcceptable(entry: ManifestEntry): boolean {
    const wanted = this.#wantedPath(entry);
    if (!isManifestPath(entry.path) || entry.path.startsWith('/'))
      return this.#skip(wanted, 'it would be outside of the folder');
    const absolute = this.#request.destination.absolute(wanted);
    if (hasVersionControlPart(absolute) || this.#repositories.isInside(wanted))
      return this.#skip(wanted, 'nothing is written into version control');
    return true;
  }

  #wantedPath({ path }: ManifestEntry): string {
    const { prefix, rename } = this.#request;
    const renamed = rename?.get(path) ?? path;
    return prefix === '' ? renamed : `${prefix}/${renamed}`;
  }

  async #place(entry: ManifestEntry): Promise<void> {
    const wanted = this.#wantedPath(entry);
    if (entry.type === 'symlink' && !this.#request.destination.staysInside(wanted, entry.target)) {
      this.#skip(wanted, 'the symbolic link leads out of the folder');
      return;
    }
    const { path, placement } = await this.#choosePath(entry, wanted);
    if (path !== wanted) this.#report.conflicts.push({ path: wanted, beside: path });
    await this.#write(entry, path, placement);
    if (entry.type !== 'directory') this.#report.placed.push(path);
  }

  /** The path itself, or beside what is in the way: where the same lies already, else the first free name. */
  async #choosePath(
    entry: ManifestEntry,
    wanted: string,
  ): Promise<{ path: string; placement: Placement }> {
    const isFree = this.#request.destination.findObstacle(wanted) === undefined;
    const atOnce = isFree ? await this.#decide(entry, wanted) : 'beside';
    if (atOnce !== 'beside') return { path: wanted, placement: atOnce };
    const same = await this.#findSameBeside(entry, wanted);
    if (same !== undefined) return { path: same, placement: 'identical' };
    let path = isFree ? this.#beside(wanted, 1) : wanted;
    for (let attempt = 2; ; attempt += 1) {
      path = this.#pathAroundObstacles(path);
      const placement = await this.#decide(entry, path);
      if (placement !== 'beside') return { path, placement };
      path = this.#beside(wanted, attempt);
    }
  }

  /** What an earlier run laid beside the same file, if it is just what is to be laid there now. */
  async #findSameBeside(entry: ManifestEntry, wanted: string): Promise<string | undefined> {
    const { destination } = this.#request;
    const { before, name, after } = destination.findObstacle(wanted) ?? splitPath(wanted);
    for (const other of destination.namesIn(before)) {
      if (!isBesideNameOf(other, name)) continue;
      const path = joinPath(before, other, after);
      if (destination.findObstacle(path)) continue;
      const isPossible = entry.type !== 'file' || destination.look(path)?.size === entry.sizeBytes;
      if (isPossible && (await this.#decide(entry, path)) === 'identical') return path;
    }
    return undefined;
  }

  #pathAroundObstacles(wanted: string): string {
    let path = wanted;
    for (let attempt = 1; ; attempt += 1) {
      const obstacle = this.#request.destination.findObstacle(path);
      if (!obstacle) return path;
      const name = besideName(obstacle.name, shortId(this.#request.executionId), attempt);
      path = joinPath(obstacle.before, name, obstacle.after);
    }
  }

  #beside(path: string, attempt: number): string {
    const slash = path.lastIndexOf('/') + 1;
    return (
      path.slice(0, slash) +
      besideName(path.slice(slash), shortId(this.#request.executionId), attempt)
    );
  }

  async #decide(entry: ManifestEntry, path: string): Promise<Placement> {
    const { ledger } = this.#request;
    const local = await this.#localState(path, entry);
    if (local.kind === 'absent') return 'write';
    const known = { sent: undefined, written: ledger.contentsOf(path) };
    const placement = decidePlacement(entry, local, known);
    // What was sent may have to be asked for, so only when it can change the answer.
    if (placement !== 'beside') return placement;
    return decidePlacement(entry, local, { ...known, sent: await this.#request.sent(path) });
  }

  async #localState(path: string, entry: ManifestEntry): Promise<LocalState> {
    const { destination } = this.#request;
    const stats = destination.look(path);
    if (!stats) return { kind: 'absent' };
    if (stats.isDirectory()) return { kind: 'directory' };
    if (stats.isSymbolicLink()) return { kind: 'symlink', target: destination.readLink(path) };
    if (!stats.isFile() || entry.type !== 'file') return { kind: 'other' };
    const absolute = destination.absolute(path);
    const file = {
      path,
      absolute,
      mode: 0,
      sizeBytes: stats.size,
      mtimeMs: 0,
      ctimeMs: 0,
      inode: 0,
    };
    const [hashed] = await hashFiles([file], undefined);
    return hashed ? { kind: 'file', sha256: hashed.sha256 } : { kind: 'absent' };
  }

  async #write(entry: ManifestEntry, path: string, placement: Placement): Promise<void> {
    const { destination, ledger } = this.#request;
    switch (entry.type) {
      case 'file':
        if (placement === 'identical') {
          await this.#adopt(entry, path);
        } else {
          ledger.record(path, entry.sha256);
          await this.#writeFile(entry, path);
        }
        break;
      case 'directory':
        this.#writeFolder(path, entry.mode);
        break;
      case 'symlink':
        destination.makeParent(path);
        if (placement === 'write') destination.makeLink(path, entry.target);
    }
    if (placement === 'identical' || entry.type === 'directory') return;
    this.#report.written += 1;
    this.#report.changed.push(path);
  }

  /** A folder of the person's keeps its mode, unless the script set one: 0755 is what every new folder there has. */
  #writeFolder(path: string, mode: number): void {
    const { destination, ledger } = this.#request;
    const isNew = destination.look(path) === undefined || destination.hasCreated(path);
    const isOurs = isNew || ledger.contentsOf(path).includes(FOLDER);
    if (isNew) ledger.record(path, FOLDER);
    if (isOurs || mode !== 0o755) destination.makeFolder(path, mode);
  }

  /** The bytes are here already: known as ours from now on, unless they are what was sent, the person's own. */
  async #adopt(entry: FileEntry, path: string): Promise<void> {
    const { destination, ledger, sent } = this.#request;
    const original = await sent(path);
    if (original?.type !== 'file' || original.sha256 !== entry.sha256)
      ledger.record(path, entry.sha256);
    if (destination.setMode(path, entry.mode)) this.#report.changed.push(path);
  }

  async #writeFile(entry: FileEntry, path: string): Promise<void> {
    const { destination, fetch } = this.#request;
    destination.makeParent(path);
    const isResumable = entry.sizeBytes > RESUMABLE_BYTES;
    const temporary = destination.temporaryPath(
      path,
      isResumable ? resumeMark(entry, path) : undefined,
    );
    try {
      await fetch(entry, temporary);
      destination.publish(temporary, path, entry.mode);
    } catch (error) {
      // What has come of a large file stays: the next try goes on from there.
      if (!isResumable) rmSync(temporary, { force: true });
      throw error;
    }
  }

  #skip(path: string, reason: string): false {
    this.#report.skipped.push({ path, reason });
    return false;
  }
}

function splitPath(path: string): { before: string; name: string; after: string } {
  const slash = path.lastIndexOf('/');
  return { before: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1), after: '' };
}

function joinPath(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/');
}

/** Lower case: whether two names differ is for the file system here to say. */
function pathsAndFolders(paths: readonly string[]): Set<string> {
  const all = new Set<string>();
  for (const path of paths) {
    const parts = path.toLowerCase().split('/');
    for (const index of parts.keys()) all.add(parts.slice(0, index + 1).join('/'));
  }
  return all;
}

/** The same for the same content at the same place, so that a later command finds what an earlier one left. */
function resumeMark(entry: FileEntry, path: string): string {
  return hash('sha256', `${entry.sha256} ${path}`).slice(0, 16);
}

function explainWriteError(error: unknown, request: PlaceRequest): unknown {
  const code = systemErrorCode(error);
  if (error instanceof Problem || code === undefined) return error;
  return writeProblem(request.destination.root, request.executionId, error);
}

export function writeProblem(folder: string, id: string, error: unknown): unknown {
  const reason = describeWriteError(error);
  if (reason === undefined) return error;
  return new Problem(
    `cannot write the outputs into ${folder}: ${reason}; the platform keeps them: rgrid download ${id}`,
    EXIT.outputs,
    { cause: error },
  );
}
