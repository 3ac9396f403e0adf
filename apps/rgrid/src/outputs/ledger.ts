import { hash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What rgrid itself has written into a folder, so that a later run may replace exactly that. One
 * line a file, only ever appended: several commands may write into the same folder at once, and a
 * crash leaves at most half a line.
 */
export class Ledger {
  readonly #path: string;
  readonly #folder: string;
  /** The last two contents by path: the newest may have been recorded without being written. */
  readonly #written = new Map<string, string[]>();

  private constructor(folder: string, path: string) {
    this.#folder = folder;
    this.#path = path;
  }

  static load(home: string, destination: string): Ledger {
    const folder = join(home, '.rgrid', 'ledger');
    const ledger = new Ledger(
      folder,
      join(folder, `${hash('sha256', destination).slice(0, 32)}.jsonl`),
    );
    ledger.#read();
    return ledger;
  }

  contentsOf(path: string): readonly string[] {
    return this.#written.get(path) ?? [];
  }

  /** Called before the file gets its name: a crash in between must not make our own file a stranger. */
  record(path: string, sha256: string): void {
    if (this.contentsOf(path).at(-1) === sha256) return;
    this.#add(path, sha256);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      appendFileSync(this.#path, `${JSON.stringify([path, sha256])}\n`, { mode: 0o600 });
    } catch {
      // Without a ledger the next run lays its file beside this one: a nuisance, no loss.
    }
  }

  #read(): void {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return;
    }
    const lines = text.split('\n');
    for (const line of lines) {
      const [path, sha256] = parseLine(line);
      if (path !== undefined && sha256 !== undefined) this.#add(path, sha256);
    }
    if (lines.length > 1000 + 4 * this.#written.size) this.#compact();
  }

  /** What another command appends at this very moment is lost; see record() for how little that costs. */
  #compact(): void {
    const lines = [...this.#written].flatMap(([path, all]) =>
      all.map((sha256) => `${JSON.stringify([path, sha256])}\n`),
    );
    const temporary = `${this.#path}.${process.pid}.tmp`;
    try {
      writeFileSync(temporary, lines.join(''), { mode: 0o600 });
      renameSync(temporary, this.#path);
    } catch {
      // It stays long, then.
    }
  }

  #add(path: string, sha256: string): void {
    this.#written.set(path, [...this.contentsOf(path), sha256].slice(-2));
  }
}

function parseLine(line: string): [string, string] | [] {
  try {
    const value: unknown = JSON.parse(line);
    if (!Array.isArray(value)) return [];
    // JSON.parse gives `any[]` for a list; each element is checked right below.
    const [path, sha256] = value as unknown[];
    return typeof path === 'string' && typeof sha256 === 'string' ? [path, sha256] : [];
  } catch {
    return [];
  }
}
