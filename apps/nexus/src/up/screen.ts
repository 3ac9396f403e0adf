import { styleText } from 'node:util';

import type { Home } from '../home.ts';

/** What a person sees of `nexus up`. */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  #stepStartedAt = 0;
  #step = '';

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  title(text: string): void {
    this.#finishStep();
    this.line(styleText('bold', text, { stream: this.#out }));
  }

  step(text: string): void {
    this.#finishStep();
    this.#step = text;
    this.#stepStartedAt = performance.now();
  }

  ready(apiUrl: string, home: Home): void {
    this.#finishStep();
    this.line('');
    this.#field('API', `${apiUrl}/api/v1`);
    this.#field('documentation', `${apiUrl}/docs`);
    this.#field('state', home.folder);
    this.#field('logs', home.logs);
    this.line('');
  }

  /** What to type next. */
  next(home: Home): void {
    this.title('Your turn');
    this.line(
      `  In another terminal, in any folder with a script (rgrid is in this folder's bin/):`,
    );
    this.line('');
    this.#command('rgrid run script.py', 'run a script there and get its files back');
    this.#command('rgrid run script.py --batch data/*.csv', 'the same for every file');
    this.#command('rgrid status', 'what runs, what ran, why something waits');
    this.#command('rgrid --help', 'everything else');
    this.line('');
    this.line(
      this.dim(`  The example that just ran is in ${home.examples}. Ctrl-C stops the platform.`),
    );
  }

  line(text: string): void {
    this.#out.write(`${text}\n`);
  }

  dim(text: string): string {
    return styleText('dim', text, { stream: this.#out });
  }

  #field(name: string, value: string): void {
    this.line(`  ${this.dim(name.padEnd(14))}${value}`);
  }

  #command(command: string, meaning: string): void {
    this.line(
      `    ${styleText('cyan', command.padEnd(42), { stream: this.#out })}${this.dim(meaning)}`,
    );
  }

  #finishStep(): void {
    if (this.#step === '') return;
    const seconds = ((performance.now() - this.#stepStartedAt) / 1000).toFixed(1);
    this.line(
      `  ${styleText('green', '✓', { stream: this.#out })} ${this.#step.padEnd(16)}${this.dim(`${seconds} s`)}`,
    );
    this.#step = '';
  }
}
