import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Check } from './check.ts';
import { countLines, findText } from './tracked-files.ts';

/** Documents that everyone reads stay short enough to be read. */
const MAX_LINES: Readonly<Record<string, number>> = {
  'README.md': 150,
  'docs/glossary.md': 120,
};

export const docLength: Check = {
  name: 'doc-length',
  run: async (root) => {
    const problems: string[] = [];
    for (const [file, max] of Object.entries(MAX_LINES)) {
      const fullPath = path.join(root, file);
      if (!existsSync(fullPath)) {
        problems.push(`${file}: missing`);
        continue;
      }
      const lines = countLines((await findText(fullPath)) ?? '');
      if (lines > max) problems.push(`${file}: ${lines} lines, at most ${max}`);
    }
    return problems;
  },
};
