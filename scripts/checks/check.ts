/**
 * One thing `npm run check` looks at. `run` reads the repository at `root`, changes nothing, and
 * returns what is wrong, one readable problem each; an empty list means all is well.
 */
export interface Check {
  readonly name: string;
  readonly run: (root: string) => Promise<readonly string[]>;
}
