/**
 * Adds the packages for other platforms that npm left out of package-lock.json because the registry
 * of this machine does not carry them. Run it when `npm run check -- lockfile` says so. The entries
 * have no integrity hash until somebody whose registry has the packages runs `npm install`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findPlatform, listMissingPackages, type Lock } from './checks/platform-packages.ts';

const file = path.resolve(import.meta.dirname, '..', 'package-lock.json');
// npm wrote it; anything else than a lockfile fails right below.
const lock = JSON.parse(await readFile(file, 'utf8')) as Lock;
const missing = listMissingPackages(lock);
for (const { location, name, version, isDev } of missing) {
  const platform = findPlatform(name);
  if (platform === undefined) throw new Error(`cannot tell the platform of ${name} by its name`);
  const kind = isDev ? { dev: true } : {};
  const { os, cpu, libc } = platform;
  // The order in which npm writes the fields.
  lock.packages[location] = Object.assign(
    { version, cpu, ...kind },
    libc === undefined ? {} : { libc },
    { optional: true, os },
  );
}
const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
await writeFile(
  file,
  `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, undefined, 2)}\n`,
);
console.log(`${missing.length} packages added`);
