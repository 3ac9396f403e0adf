import { formatBytes } from '@nexus/kit/bytes';

import type { Screen } from './screen.ts';
import { formatDuration } from './text.ts';

/** Smaller transfers are over before anybody could read about them. */
const SHOW_FROM_BYTES = 10e6;

/** Tells of a large transfer: a bar on a terminal, one line elsewhere. */
export class TransferBar {
  readonly #screen: Screen;
  readonly #verb: string;
  readonly #totalBytes: number;
  readonly #startedAt = Date.now();
  #doneBytes = 0;

  constructor(screen: Screen, verb: string, totalBytes: number) {
    this.#screen = screen;
    this.#verb = verb;
    this.#totalBytes = totalBytes;
    if (totalBytes < SHOW_FROM_BYTES) return;
    if (screen.stderr.isTerminal) screen.showBar((columns) => this.#render(columns));
    else void screen.say(`${verb} ${formatBytes(totalBytes)}`);
  }

  onBytes(count: number): void {
    this.#doneBytes += count;
  }

  async finish(): Promise<void> {
    await this.#screen.hideBar();
  }

  #render(columns: number): string {
    const elapsedMs = Date.now() - this.#startedAt;
    const transfer = {
      verb: this.#verb,
      doneBytes: this.#doneBytes,
      totalBytes: this.#totalBytes,
      elapsedMs,
    };
    return renderTransfer(transfer, columns);
  }
}

export interface Transfer {
  verb: string;
  doneBytes: number;
  totalBytes: number;
  elapsedMs: number;
}

export function renderTransfer(
  { verb, doneBytes, totalBytes, elapsedMs }: Transfer,
  columns: number,
): string {
  const text = `${verb} ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
  const perMs = doneBytes / Math.max(1, elapsedMs);
  if (perMs === 0 || elapsedMs < 500) return text.slice(0, columns - 1);
  const left = formatDuration((totalBytes - doneBytes) / perMs);
  return `${text} · ${formatBytes(perMs * 1000)}/s · ${left} left`.slice(
    0,
    Math.max(1, columns - 1),
  );
}
