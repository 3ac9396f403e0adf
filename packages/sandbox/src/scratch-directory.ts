import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, ownIdentity } from './process-identity.ts';

/** The driver's own files: pipes, mount points, lists handed to launchers. Nobody else may enter. */
export interface ScratchDirectory {
  /** A path in it that nobody has used yet. */
  newPath(prefix: string): string;
  /**
   * An open, already deleted file to hand to a launcher: nothing to clean up, whatever dies.
   * Readable by everyone who is handed it, because the script's uid opens it anew via /dev/fd.
   */
  openHidden(content: string | Buffer): number;
  close(): Promise<void>;
}

const PREFIX = 'rgrid-sandbox-';

/** Left by workers that were killed; their mounts died with their namespaces. */
async function sweepScratch(parent: string): Promise<void> {
  const stale = readdirSync(parent).filter(
    (name) => name.startsWith(PREFIX) && !isAlive(name.slice(PREFIX.length)),
  );
  await Promise.all(
    // Another user's leftovers in a shared /tmp are not ours to remove.
    stale.map((name) =>
      rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined),
    ),
  );
}

/** Memory where there is some to write to: files here live for milliseconds. */
function defaultParent(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

export async function createScratchDirectory(
  given: string = defaultParent(),
): Promise<ScratchDirectory> {
  mkdirSync(given, { recursive: true });
  // Mount points have to be named as the kernel names them.
  const parent = realpathSync(given);
  await sweepScratch(parent);
  const path = mkdtempSync(join(parent, `${PREFIX}${ownIdentity()}-`));
  let counter = 0;
  const newPath = (prefix: string): string => join(path, `${prefix}-${(counter += 1)}`);
  return {
    newPath,
    openHidden(content) {
      const file = newPath('hidden');
      writeFileSync(file, content, { flag: 'wx' });
      // A mode given at creation would be cut by the worker's umask.
      chmodSync(file, 0o444);
      try {
        return openSync(file, 'r');
      } finally {
        unlinkSync(file);
      }
    },
    close: () => rm(path, { recursive: true, force: true }),
  };
}

export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Closing twice after a failed start is harmless.
  }
}
