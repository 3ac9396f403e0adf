import type { Output } from './output.ts';
import { LineTagger, type LineTag } from './tag-lines.ts';

export interface ScreenOptions {
  stdout: Output;
  stderr: Output;
  /** No prose at all; problems are still said. */
  isQuiet: boolean;
}

export interface ScriptPiece {
  stream: 'stdout' | 'stderr';
  data: Uint8Array;
}

const REDRAW_MS = 100;

/**
 * Everything a run prints goes through here, one piece after the other: what scripts write to stdout
 * and stderr byte for byte, prose of our own, and on a terminal a bar below it all that is redrawn.
 */
export class Screen {
  readonly #options: ScreenOptions;
  #queue: Promise<void> = Promise.resolve();
  #renderBar: ((columns: number) => string) | undefined;
  /** What is drawn, and for how wide a terminal. */
  #shown: { bar: string; columns: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isHeld = false;
  /** The last thing on the terminal did not end its line. */
  #isMidLine = false;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  get stderr(): Output {
    return this.#options.stderr;
  }

  async scriptStdout(data: Uint8Array): Promise<void> {
    await this.#print(this.#options.stdout, data);
  }

  async scriptStderr(data: Uint8Array): Promise<void> {
    await this.#print(this.#options.stderr, data);
  }

  /** Several pieces that belong together, with nothing else in between; `tag` begins their lines. */
  async scriptGroup(
    pieces: AsyncIterable<ScriptPiece> | Iterable<ScriptPiece>,
    tag?: LineTag,
  ): Promise<void> {
    const { stdout, stderr } = this.#options;
    const taggers = new GroupTaggers(tag);
    await this.#enqueue(async () => {
      for await (const { stream, data } of pieces) {
        const output = stream === 'stdout' ? stdout : stderr;
        const tagged = taggers.find(output)?.add(data) ?? data;
        if (tagged.length > 0) await this.#printNow(output, tagged);
      }
      for (const output of new Set([stdout, stderr])) {
        const rest = taggers.find(output)?.end() ?? new Uint8Array();
        if (rest.length > 0) await this.#printNow(output, rest);
      }
    });
  }

  /** Prose that `--quiet` leaves out. */
  async say(text: string): Promise<void> {
    if (!this.#options.isQuiet) await this.warn(text);
  }

  /** Prose that is always said. */
  async warn(text: string): Promise<void> {
    const { stderr } = this.#options;
    const prefix = stderr.paint('dim', 'rgrid:');
    const lines = text.split('\n').map((line) => `${prefix} ${line}\n`);
    await this.#enqueue(async () => {
      const start = this.#isMidLine && stderr.isTerminal ? '\n' : '';
      await this.#withoutBar(() => stderr.write(start + lines.join('')));
      this.#isMidLine = false;
    });
  }

  /** Waits until everything printed so far is out. */
  async settle(): Promise<void> {
    await this.#enqueue(async () => undefined);
  }

  /** Draws `render` below everything, on a terminal only. */
  showBar(render: (columns: number) => string): void {
    if (!this.#options.stderr.isTerminal || this.#options.isQuiet) return;
    this.#renderBar = render;
    // A bar must not keep a finished command alive.
    this.#timer = setInterval(() => void this.#enqueue(() => this.#draw()), REDRAW_MS).unref();
  }

  async hideBar(): Promise<void> {
    clearInterval(this.#timer);
    this.#renderBar = undefined;
    await this.#enqueue(() => this.#erase());
  }

  /** Prints nothing while `question` is asked on the terminal. */
  async hold<T>(question: () => Promise<T>): Promise<T> {
    const erased = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    this.#isHeld = true;
    const held = this.#enqueue(async () => {
      await this.#erase();
      erased.resolve();
      await answered.promise;
    });
    await erased.promise;
    try {
      return await question();
    } finally {
      this.#isHeld = false;
      this.#isMidLine = false;
      answered.resolve();
      await held;
    }
  }

  async #print(output: Output, data: Uint8Array): Promise<void> {
    if (data.length > 0) await this.#enqueue(() => this.#printNow(output, data));
  }

  async #printNow(output: Output, data: Uint8Array): Promise<void> {
    await this.#withoutBar(() => output.write(data));
    if (output.isTerminal) this.#isMidLine = data.at(-1) !== 0x0a;
  }

  async #withoutBar(write: () => Promise<void>): Promise<void> {
    await this.#erase();
    await write();
  }

  async #draw(): Promise<void> {
    // A bar behind half a line would be taken for a part of it.
    if (!this.#renderBar || this.#isHeld || this.#isMidLine) return;
    const { stderr } = this.#options;
    const { columns } = stderr;
    const bar = this.#renderBar(columns);
    if (bar === this.#shown?.bar && columns === this.#shown.columns) return;
    const clear = clearOf(this.#shown?.bar ?? '', columns);
    this.#shown = { bar, columns };
    await stderr.write(clear + bar);
  }

  async #erase(): Promise<void> {
    if (!this.#shown) return;
    const { bar } = this.#shown;
    this.#shown = undefined;
    await this.#options.stderr.write(clearOf(bar, this.#options.stderr.columns));
  }

  #enqueue(step: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(step);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

/** One tagger for what goes to the terminal, be it stdout or stderr, where lines are lines of both; one for each pipe. */
class GroupTaggers {
  readonly #tag: LineTag | undefined;
  readonly #byPlace = new Map<Output | 'terminal', LineTagger>();

  constructor(tag: LineTag | undefined) {
    this.#tag = tag;
  }

  find(output: Output): LineTagger | undefined {
    if (!this.#tag || this.#tag.lines === 'never') return undefined;
    if (this.#tag.lines === 'auto' && !output.isTerminal) return undefined;
    const place = output.isTerminal ? 'terminal' : output;
    const tagger = this.#byPlace.get(place) ?? new LineTagger(this.#tag.label);
    this.#byPlace.set(place, tagger);
    return tagger;
  }
}

/** Takes the bar away at whose end the cursor stands. A terminal that became narrower has wrapped it. */
function clearOf(bar: string, columns: number): string {
  const rows = Math.ceil(Array.from(bar).length / Math.max(1, columns));
  return rows <= 1 ? '\r\u001B[2K' : `\r\u001B[${rows - 1}A\u001B[J`;
}
