import { boundaries } from './boundaries.ts';
import type { Check } from './check.ts';
import { commitSubjects } from './commit-subjects.ts';
import { docLength } from './doc-length.ts';
import { exactVersions } from './exact-versions.ts';
import { fileLength } from './file-length.ts';
import { forbiddenTraces } from './forbidden-traces.ts';
import { lockfile } from './lockfile.ts';
import { toolCheck } from './tool.ts';

/** In the order they are run: what is quick and most often wrong comes first. */
export const ALL_CHECKS: readonly Check[] = [
  toolCheck('format', ['oxfmt', '--check']),
  toolCheck('lint', ['oxlint', '--type-aware']),
  toolCheck('types', ['tsc', '--project', 'tsconfig.json', '--pretty', 'false']),
  boundaries,
  toolCheck(
    'dead-code',
    // Everything, tests included.
    ['knip', '--no-progress'],
    // What is shipped, each workspace by its own package.json: undeclared dependencies and files
    // that only a test uses. Exports are left out: a pure function may be exported for its test.
    [
      'knip',
      '--production',
      '--strict',
      '--include=files,dependencies,unlisted,unresolved',
      '--no-progress',
    ],
  ),
  fileLength,
  docLength,
  lockfile,
  exactVersions,
  forbiddenTraces,
  commitSubjects,
];
