import { createHash } from 'node:crypto';

import type { Execution, Manifest } from '@nexus/grid/contract';

import type { ScriptPiece } from '../terminal/screen.ts';

/** All that counts of how an execution went, on either side. */
export interface Observation {
  state: Execution['state'];
  exitCode: number | null;
  stdout: StreamDigest;
  stderr: StreamDigest;
  outputs: Manifest;
}

export interface StreamDigest {
  sizeBytes: number;
  sha256: string;
  /** Its beginning, to show where two differ. */
  head: Buffer;
}

const HEAD_BYTES = 64 * 1024;

/** Takes both streams of an execution in constant memory. */
export class StreamObserver {
  readonly #streams = { stdout: new Digester(), stderr: new Digester() };

  add({ stream, data }: ScriptPiece): void {
    this.#streams[stream].add(data);
  }

  observe(execution: Pick<Execution, 'state' | 'exitCode'>, outputs: Manifest): Observation {
    const { state, exitCode } = execution;
    return {
      state,
      exitCode,
      stdout: this.#streams.stdout.digest(),
      stderr: this.#streams.stderr.digest(),
      outputs,
    };
  }
}

class Digester {
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;
  #head = Buffer.alloc(0);

  add(data: Uint8Array): void {
    this.#hash.update(data);
    this.#sizeBytes += data.length;
    const room = HEAD_BYTES - this.#head.length;
    if (room > 0) this.#head = Buffer.concat([this.#head, data.subarray(0, room)]);
  }

  digest(): StreamDigest {
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest('hex'), head: this.#head };
  }
}
