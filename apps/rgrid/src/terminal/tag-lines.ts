import { printable } from './text.ts';

/** Which lines of a batch begin with the input they are about: `auto` for those that go to a terminal. */
export type TagLines = 'auto' | 'always' | 'never';

export interface LineTag {
  label: string;
  lines: TagLines;
}

const NEWLINE = 0x0a;

/** Puts a tag and a tab before every line, as GNU parallel does with --tag. The bytes of a line stay as they are. */
export class LineTagger {
  readonly #tag: Buffer;
  #isMidLine = false;

  constructor(label: string) {
    this.#tag = Buffer.from(`${printable(label)}\t`);
  }

  add(data: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let start = 0; start < data.length;) {
      const newline = data.indexOf(NEWLINE, start);
      const end = newline < 0 ? data.length : newline + 1;
      if (!this.#isMidLine) parts.push(this.#tag);
      parts.push(data.subarray(start, end));
      this.#isMidLine = newline < 0;
      start = end;
    }
    return Buffer.concat(parts);
  }

  /** Ends a last line that has no end, so that the next tag begins one. */
  end(): Uint8Array {
    const rest = this.#isMidLine ? [NEWLINE] : [];
    this.#isMidLine = false;
    return Uint8Array.from(rest);
  }
}
