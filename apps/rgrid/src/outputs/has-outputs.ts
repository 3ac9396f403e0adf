import type { Execution } from '@nexus/grid/contract';

/** SHA-256 of `{"entries":[]}`: the manifest of a script that left nothing behind. */
const EMPTY_MANIFEST = 'd801aa1fb7ddcc330a5e3173372ea6af4a3d08ec58074478e85aa5603e926658';

/** Up to here a file is fetched in one piece and checked before it touches the disk. */
export const RESUMABLE_BYTES = 1 << 20;

/** False spares the question what the outputs are. */
export function hasOutputs({ outputs }: Pick<Execution, 'outputs'>): boolean {
  return outputs !== null && outputs.manifestSha256 !== EMPTY_MANIFEST;
}
