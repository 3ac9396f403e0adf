import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Check } from './check.ts';
import { listMissingPackages, type Lock } from './platform-packages.ts';

/**
 * A lockfile that names a registry installs from that one machine's registry everywhere. With the
 * URLs left out (`omit-lockfile-registry-resolved`), npm takes the reader's own; the integrity
 * hashes stay and decide. Workspaces are resolved to folders, which is fine.
 * It has to lock the packages of every platform too, or `npm ci` refuses it on all of them.
 */
export const lockfile: Check = {
  name: 'lockfile',
  run: async (root) => {
    const file = path.join(root, 'package-lock.json');
    if (!existsSync(file)) return ['package-lock.json: missing'];
    const text = await readFile(file, 'utf8');
    // npm wrote it; a file of another shape fails on the next line.
    const missing = listMissingPackages(JSON.parse(text) as Lock).map(
      ({ name }) => `package-lock.json: lacks ${name}; run \`node scripts/complete-lockfile.ts\``,
    );
    return [...listHosts(text), ...missing];
  },
};

function listHosts(text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      /"resolved":\s*"[a-z+]+:\/\//.test(line)
        ? [
            `package-lock.json:${index + 1}: names the host it was downloaded from; run ` +
              '`npm install --omit-lockfile-registry-resolved`',
          ]
        : [],
    );
}
