import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Check } from './check.ts';
import { listTrackedFiles } from './tracked-files.ts';

const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
const FIELDS = ['dependencies', 'devDependencies', 'optionalDependencies', 'overrides'] as const;

/** Two people who install on different days get the same code. */
export const exactVersions: Check = {
  name: 'exact-versions',
  run: async (root) => {
    const manifests = (await listTrackedFiles(root)).filter(
      // Examples are projects of users, who write ranges.
      (file) => path.basename(file) === 'package.json' && !file.startsWith('examples/'),
    );
    const problems: string[] = [];
    for (const file of manifests) {
      const manifest: unknown = JSON.parse(await readFile(path.join(root, file), 'utf8'));
      problems.push(...findRanges(manifest).map((range) => `${file}: ${range} is not exact`));
    }
    return problems;
  },
};

function findRanges(manifest: unknown): string[] {
  return FIELDS.flatMap((field) =>
    entriesOf(entriesOf(manifest).find(([key]) => key === field)?.[1]).flatMap(([name, version]) =>
      typeof version === 'string' && EXACT.test(version)
        ? []
        : [`${field}.${name} = ${JSON.stringify(version)}`],
    ),
  );
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
