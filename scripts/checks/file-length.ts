import path from 'node:path';
import type { Check } from './check.ts';
import { countLines, findText, listTrackedFiles } from './tracked-files.ts';

const MAX_LINES = 400;
/** A suite is a list: what is next to what matters less than in code. */
const MAX_TEST_LINES = 600;
const SOURCE = /[.](ts|tsx|js|mjs|cjs|sql|sh|py|css)$|^(bin|[.]ci)\//;

/** The linter counts TypeScript; this counts every source file, so that SQL and shell obey too. */
export const fileLength: Check = {
  name: 'file-length',
  run: async (root) => {
    const problems: string[] = [];
    for (const file of await listTrackedFiles(root)) {
      // Generated files are as long as what they are generated from.
      if (!SOURCE.test(file) || path.basename(file).startsWith('zz_')) continue;
      const text = await findText(path.join(root, file));
      const lines = text === undefined ? 0 : countLines(text);
      const most = file.endsWith('.test.ts') ? MAX_TEST_LINES : MAX_LINES;
      if (lines > most) problems.push(`${file}: ${lines} lines, at most ${most}`);
    }
    return problems;
  },
};
