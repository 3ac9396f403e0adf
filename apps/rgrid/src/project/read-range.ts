import { open } from 'node:fs/promises';

import { EXIT } from '../exit-codes.ts';
import { Problem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';
import { unreadable } from './walk.ts';

export interface FileRange {
  path: string;
  start: number;
  sizeBytes: number;
}

const BUFFER_BYTES = 1 << 20;

/**
 * Exactly the bytes of the range, in pieces of up to 1 MB. What was appended to a file since it was
 * looked at stays out; one that shrank is refused.
 */
export async function* readRange({ path, start, sizeBytes }: FileRange): AsyncGenerator<Buffer> {
  const handle = await open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    for (let offset = 0; offset < sizeBytes;) {
      const buffer = Buffer.allocUnsafe(Math.min(BUFFER_BYTES, sizeBytes - offset));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, start + offset);
      if (bytesRead === 0) throw changed(path);
      yield buffer.subarray(0, bytesRead);
      offset += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** A file that is not the one any more that was hashed: what travels would be neither old nor new. */
export function changed(path: string): Problem {
  return new Problem(
    `${quoted(path)} changed while it was being sent: run it again when nothing writes to it`,
    EXIT.usage,
  );
}
