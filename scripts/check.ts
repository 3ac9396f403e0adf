/**
 * `npm run check` runs every check; `npm run check -- lint types` only those named.
 * Nothing is changed; `npm run format` is what rewrites files.
 */
import path from 'node:path';
import { styleText } from 'node:util';
import { ALL_CHECKS } from './checks/all.ts';

const root = path.resolve(import.meta.dirname, '..');
const names = process.argv.slice(2);
const unknownNames = names.filter((name) => ALL_CHECKS.every((check) => check.name !== name));
if (unknownNames.length > 0) {
  console.error(
    `No check is called ${unknownNames.join(', ')}. ` +
      `There are: ${ALL_CHECKS.map((check) => check.name).join(', ')}.`,
  );
  process.exit(2);
}

const selected = ALL_CHECKS.filter((check) => names.length === 0 || names.includes(check.name));
const failed: { name: string; problems: readonly string[] }[] = [];
for (const { name, run } of selected) {
  const startedAt = performance.now();
  // A check that breaks is a check that failed; the others still have something to say.
  const problems = await run(root).catch((error: unknown) => [`could not run: ${String(error)}`]);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const verdict = problems.length === 0 ? styleText('green', 'ok    ') : styleText('red', 'FAILED');
  console.log(`${verdict} ${name.padEnd(18)} ${seconds.padStart(5)} s`);
  if (problems.length > 0) failed.push({ name, problems });
}

for (const { name, problems } of failed) {
  console.log(`\n${styleText('red', name)}`);
  for (const problem of problems) console.log(`  ${problem.replaceAll('\n', '\n  ')}`);
}
console.log(`\n${selected.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
