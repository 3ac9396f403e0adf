/** One flag of one verb: the parser, `--help`, suggestions and completion all read this. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** Other spellings that are accepted but not shown. */
  readonly aliases?: readonly string[];
  /** What stands for the value in `--help`; absent: the flag takes none. */
  readonly value?: string;
  readonly help: string;
  /** The words a shell offers for the value. */
  readonly completes?: 'file' | 'directory' | readonly string[];
  readonly isHidden?: boolean;
}

/** The flags that were given, by name. */
export class FlagValues {
  readonly #given = new Map<string, string[]>();

  add(name: string, values: readonly string[]): void {
    this.#given.set(name, [...(this.#given.get(name) ?? []), ...values]);
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }

  /** The last one given: a later flag overrides an earlier one. */
  text(name: string): string | undefined {
    return this.#given.get(name)?.at(-1);
  }

  all(name: string): readonly string[] {
    return this.#given.get(name) ?? [];
  }
}

/** Accepted by every verb. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: 'profile', value: 'NAME', help: 'use this profile of ~/.rgrid/credentials' },
  { name: 'help', short: 'h', help: 'show this help' },
];

export const JSON_FLAG: Flag = { name: 'json', help: 'print JSON' };
