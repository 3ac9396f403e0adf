import { closeSync, openSync, readSync, writeSync } from 'node:fs';

import type { ScriptPiece } from '../terminal/screen.ts';

/** Keeps what an execution prints on disk until it can be shown in one piece. */
export class OutputSpool {
  readonly #file: number;
  readonly #pieces: { stream: ScriptPiece['stream']; length: number }[] = [];

  constructor(path: string) {
    this.#file = openSync(path, 'w+', 0o600);
  }

  add({ stream, data }: ScriptPiece): void {
    for (let written = 0; written < data.length;) written += writeSync(this.#file, data, written);
    this.#pieces.push({ stream, length: data.length });
  }

  *pieces(): Generator<ScriptPiece> {
    let position = 0;
    for (const { stream, length } of this.#pieces) {
      const data = Buffer.allocUnsafe(length);
      for (let read = 0; read < length;)
        read += readSync(this.#file, data, read, length - read, position + read);
      position += length;
      yield { stream, data };
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
