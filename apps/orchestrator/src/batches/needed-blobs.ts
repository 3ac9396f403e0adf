import type { Queryable } from '@nexus/db';
import { filesOf } from '@nexus/grid';
import type { ParsedSubmission } from '@nexus/grid/contract';
import { AppError } from '@nexus/kit/errors';

import { keepHeld } from '../blobs/blob-index.ts';

interface NeededBlob {
  sha256: string;
  sizeBytes: number;
  /** For people. */
  path: string;
}

/** Blobs the account has still to send. Throws AppError invalid_request for one that is said to have another size. */
export async function findMissing(
  tx: Queryable,
  accountId: string,
  submission: ParsedSubmission,
): Promise<string[]> {
  const needed = [...filesOf(submission.project), ...ownBlobs(submission)];
  const names = [...new Set(needed.map((blob) => blob.sha256))];
  const sizes = await keepHeld(tx, accountId, names);
  const missing = names.filter((name) => !sizes.has(name));
  refuseOtherSizes(needed, sizes);
  return missing;
}

/** The names of what the batch needs beside its project, each once. */
export function listOwnBlobs(submission: ParsedSubmission): string[] {
  return [...new Set(ownBlobs(submission).map((blob) => blob.sha256))];
}

function ownBlobs({ executions, spec }: ParsedSubmission): NeededBlob[] {
  const inputs = executions.flatMap(({ input }) => (input ? [input] : []));
  const stdin = spec.stdin ? [{ ...spec.stdin, path: 'standard input' }] : [];
  return [...inputs, ...stdin, ...spec.dependencies.flatMap(({ files }) => files)];
}

/** Wherever a blob is named it has one size: that of its bytes, or, until they are here, the one told first. */
function refuseOtherSizes(needed: readonly NeededBlob[], known: ReadonlyMap<string, number>): void {
  const sizes = new Map(known);
  for (const { sha256, sizeBytes, path } of needed) {
    const size = sizes.get(sha256) ?? sizeBytes;
    sizes.set(sha256, size);
    if (size === sizeBytes) continue;
    throw new AppError(
      'invalid_request',
      `${JSON.stringify(path)} is said to have ${sizeBytes} bytes, but its blob ${sha256} has ${size}`,
    );
  }
}
