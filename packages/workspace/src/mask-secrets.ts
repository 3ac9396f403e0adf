import { Transform } from 'node:stream';

const MASK = Buffer.from('***');

/**
 * Replaces every occurrence of the values by `***`, also across chunk borders. Bytes are held back
 * only while they could be the beginning of a value, so live output stays live.
 */
export class MaskingStream extends Transform {
  readonly #secrets: readonly Buffer[];
  #held: Buffer = Buffer.alloc(0);

  constructor(values: readonly string[]) {
    super();
    // Longest first: of two values that begin alike, the longer one must win.
    this.#secrets = values
      .filter((value) => value !== '')
      .map((value) => Buffer.from(value))
      .toSorted((a, b) => b.length - a.length);
  }

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    let rest = Buffer.concat([this.#held, chunk]);
    for (let hit = this.#find(rest); hit; hit = this.#find(rest)) {
      this.push(rest.subarray(0, hit.at));
      this.push(MASK);
      rest = rest.subarray(hit.at + hit.length);
    }
    const keep = this.#heldLength(rest);
    if (rest.length > keep) this.push(rest.subarray(0, rest.length - keep));
    this.#held = rest.subarray(rest.length - keep);
    done();
  }

  override _flush(done: () => void): void {
    if (this.#held.length > 0) this.push(this.#held);
    done();
  }

  #find(bytes: Buffer): { at: number; length: number } | undefined {
    let first: { at: number; length: number } | undefined;
    for (const secret of this.#secrets) {
      const at = bytes.indexOf(secret);
      if (at >= 0 && (!first || at < first.at)) first = { at, length: secret.length };
    }
    return first;
  }

  /** Length of the longest end of `bytes` that is a beginning of a value. */
  #heldLength(bytes: Buffer): number {
    let longest = 0;
    for (const secret of this.#secrets) {
      for (let length = Math.min(secret.length - 1, bytes.length); length > longest; length -= 1) {
        if (bytes.subarray(bytes.length - length).equals(secret.subarray(0, length)))
          longest = length;
      }
    }
    return longest;
  }
}
