import type { Context } from '../context.ts';

const ENTER = '\u001B[?1049h\u001B[?25l';
const LEAVE = '\u001B[?25h\u001B[?1049l';

/** The whole terminal for a view that redraws itself; what was on it comes back at the end. */
export class FullScreen {
  readonly #context: Context;
  #isLeft = false;
  #wake: (() => void) | undefined;
  #cleanUp: (() => void)[] = [];

  constructor(context: Context) {
    this.#context = context;
  }

  /** q, Ctrl-C or a signal: the person wants to go. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  open(): void {
    const { stdout, signals } = this.#context;
    void stdout.write(ENTER);
    const { stdin } = process;
    const onKey = (data: Buffer) => {
      if (asksToLeave(data.toString())) this.#leave();
    };
    stdin.setRawMode(true);
    stdin.on('data', onKey);
    this.#cleanUp = [
      signals.listen(() => this.#leave()),
      stdout.onResize(() => this.#wake?.()),
      () => stdin.off('data', onKey).setRawMode(false).pause(),
    ];
  }

  show(text: string): void {
    const { stdout } = this.#context;
    const lines = text.split('\n').slice(0, Math.max(1, stdout.rows - 1));
    const clipped = lines.map(
      (line) => `${Array.from(line).slice(0, stdout.columns).join('')}\u001B[K`,
    );
    // Overwritten line by line and cleared below: clearing first would flicker.
    void stdout.write(`\u001B[H${clipped.join('\r\n')}\u001B[J`);
  }

  /** Until it is time, the person leaves, or the terminal changes its size. */
  async wait(ms: number): Promise<void> {
    if (this.#isLeft) return;
    await new Promise<void>((done) => {
      const timer = setTimeout(done, ms);
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  close(): void {
    for (const undo of this.#cleanUp) undo();
    void this.#context.stdout.write(LEAVE);
  }

  #leave(): void {
    this.#isLeft = true;
    this.#wake?.();
  }
}

const CTRL_C = '\u0003';

/** Whether q, Ctrl-C or Escape is among what one read of the terminal gave: keys pressed together come together. */
export function asksToLeave(keys: string): boolean {
  // In raw mode Ctrl-C is a letter like any other; with more behind it, Escape begins the code of another key.
  return ['q', 'Q', CTRL_C].some((key) => keys.includes(key)) || keys === '\u001B';
}
