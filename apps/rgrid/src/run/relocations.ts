import type { Submission } from '@nexus/grid/contract';
import { findRelocations, type Relocation } from '@nexus/workspace/layout';

import { plural, quoted } from '../terminal/text.ts';

/**
 * Paths that are other ones for the script: what lies below a folder that the sandbox has itself
 * (`/etc`, `/usr`) is laid elsewhere. The project folder may be one of them.
 */
export function relocationsOf({ spec, project, executions }: Submission): Relocation[] {
  const inputs = executions.flatMap(({ input }) => input ?? []);
  return findRelocations({
    spec: { ...spec, workingDirectory: spec.workingDirectory ?? '' },
    project: { entries: [...project.entries, ...inputs] },
    input: null,
    args: [spec.root, ...executions.flatMap(({ args }) => args)],
  });
}

const SHOWN = 3;

/** One sentence on all of them; undefined for none. */
export function describeRelocations(relocations: readonly Relocation[]): string | undefined {
  const [first] = relocations;
  if (!first) return undefined;
  const pairs = relocations
    .slice(0, SHOWN)
    .map(({ path, inside }) => `${quoted(path)} is ${quoted(inside)}`);
  const more = relocations.length - SHOWN;
  const rest = more > 0 ? ` (and ${plural(more, 'more path')} likewise)` : '';
  const top = first.path.split('/', 2).join('/');
  return `for the script ${pairs.join(', ')}${rest}: the sandbox has its own ${top}`;
}
