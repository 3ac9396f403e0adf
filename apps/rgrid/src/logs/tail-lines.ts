import type { ScriptPiece } from '../terminal/screen.ts';

/** The last `count` lines of both streams together, in the order they were written. */
export class TailLines {
  readonly #count: number;
  #lines: ScriptPiece[][] = [[]];

  constructor(count: number) {
    this.#count = count;
  }

  add({ stream, data }: ScriptPiece): void {
    let start = 0;
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, start)) {
      this.#lines.at(-1)?.push({ stream, data: data.subarray(start, end + 1) });
      this.#lines.push([]);
      start = end + 1;
    }
    if (start < data.length) this.#lines.at(-1)?.push({ stream, data: data.subarray(start) });
    // Trimmed now and then: shifting at every line would move the whole list each time.
    if (this.#lines.length > 2 * this.#count + 1000) this.#trim();
  }

  pieces(): ScriptPiece[] {
    this.#trim();
    return this.#lines.flat();
  }

  #trim(): void {
    const isOpen = (this.#lines.at(-1)?.length ?? 0) > 0;
    const keep = this.#count + (isOpen ? 0 : 1);
    if (this.#lines.length > keep) this.#lines = this.#lines.slice(this.#lines.length - keep);
  }
}
