/**
 * `npm test` runs everything; `npm test -- packages/kit` a folder, `npm test -- claim-run` the
 * files with that in their path; any other option of `vitest run` may follow too.
 * REQUIRE_ALL=1 counts a skipped test as failed.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { isSuccess, renderSummary, summarize, type VitestReport } from './testing/summary.ts';

const root = path.resolve(import.meta.dirname, '..');
const folder = await mkdtemp(path.join(os.tmpdir(), 'test-report-'));
const reportFile = path.join(folder, 'report.json');

const vitest = spawn(
  process.execPath,
  [
    path.join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    // Tests start `node` themselves; it has to be the pinned one also without npm around this.
    env: {
      ...process.env,
      PATH: [path.join(root, 'node_modules', '.bin'), process.env['PATH']].join(path.delimiter),
    },
  },
);
// Ctrl-C reaches vitest by the terminal; stay to report what it says.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => vitest.kill('SIGTERM'));
const exitCode = await new Promise<number>((resolve, reject) => {
  vitest.once('error', reject);
  vitest.once('close', (code) => {
    resolve(code ?? 1);
  });
});

const report = await readReport(reportFile);
await rm(folder, { recursive: true, force: true });

const options = { requireAll: ['1', 'true'].includes(process.env['REQUIRE_ALL'] ?? '') };
const summary = summarize({ ...report, success: report.success && exitCode === 0 });
console.log(renderSummary(summary, options));
process.exitCode = isSuccess(summary, options) ? 0 : 1;

async function readReport(file: string): Promise<VitestReport> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  // A vitest that died before its end wrote nothing: that is one failure, with no test to show.
  if (text === undefined) return { success: false, testResults: [] };
  const parsed: unknown = JSON.parse(text);
  // Written one moment ago by the pinned vitest, whose report has this shape.
  return parsed as VitestReport;
}
