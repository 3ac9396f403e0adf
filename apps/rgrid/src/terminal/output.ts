import type { styleText } from 'node:util';

import { systemErrorCode } from '@nexus/kit/errors';

import type { Environment } from '../environment.ts';

type Style = Parameters<typeof styleText>[0];

type OutputStream = NodeJS.WritableStream & { columns?: number; rows?: number; isTTY?: boolean };

/** stdout or stderr: waits when the reader is slow, falls silent when there is no reader any more. */
export class Output {
  readonly isTerminal: boolean;
  readonly #stream: OutputStream;
  readonly #hasColours: boolean;
  #isClosed = false;

  constructor(stream: OutputStream, env: Environment) {
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
    this.#hasColours = hasColours(this.isTerminal, env);
    stream.on('error', (error) => {
      // `rgrid … | head`: the reader has seen enough. Anything else is as final, and nobody to tell.
      if (systemErrorCode(error) !== undefined) this.#isClosed = true;
    });
  }

  /** Nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  get rows(): number {
    return this.#stream.rows ?? 24;
  }

  /** Resolves once there is room for more. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#isClosed || this.#stream.write(data)) return;
    await new Promise<void>((done) => {
      const finish = () => {
        this.#stream.off('drain', finish);
        this.#stream.off('error', finish);
        this.#stream.off('close', finish);
        done();
      };
      this.#stream.on('drain', finish);
      this.#stream.on('error', finish);
      this.#stream.on('close', finish);
    });
  }

  async line(text = ''): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Resolves once everything written has left the process. */
  async flush(): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((done) => {
      this.#stream.on('error', () => done());
      this.#stream.write('', () => done());
    });
  }

  paint(style: Style, text: string): string {
    if (!this.#hasColours) return text;
    return process.getBuiltinModule('node:util').styleText(style, text, { validateStream: false });
  }

  onResize(listener: () => void): () => void {
    this.#stream.on('resize', listener);
    return () => this.#stream.off('resize', listener);
  }
}

function hasColours(isTerminal: boolean, env: Environment): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true;
  return isTerminal && env['TERM'] !== 'dumb';
}
