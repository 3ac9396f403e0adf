/** The parts of vitest's JSON report that the summary reads. */
export interface VitestReport {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly fullName: string;
      readonly status: string;
    }[];
  }[];
}

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Component, as named in `[needs …]`, to the number of tests that waited for it. */
  readonly skippedByComponent: ReadonlyMap<string, number>;
  /** Skipped without saying what was missing. */
  readonly skippedUnnamed: readonly string[];
  /** Failures that no test shows: a file that did not load, a hook, an error after the end. */
  readonly brokenFiles: readonly string[];
}

const NEEDS = /\[needs ([^\]]+)\]/g;

/** Components named in titles such as `Docker driver [needs docker, root]`. */
export function listNeeds(titles: readonly string[]): string[] {
  const needs = titles.flatMap((title) =>
    [...title.matchAll(NEEDS)].flatMap((match) => (match[1] ?? '').split(',')),
  );
  return [...new Set(needs.map((need) => need.trim()).filter((need) => need !== ''))];
}

export function summarize(report: VitestReport): Summary {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const skipped = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed');
  const skippedByComponent = new Map<string, number>();
  const skippedUnnamed: string[] = [];
  for (const test of skipped) {
    const needs = listNeeds([...test.ancestorTitles, test.title]);
    if (needs.length === 0) skippedUnnamed.push(test.fullName);
    for (const need of needs) skippedByComponent.set(need, (skippedByComponent.get(need) ?? 0) + 1);
  }
  const failed = tests.filter((test) => test.status === 'failed').length;
  const brokenFiles = listBrokenFiles(report, failed);
  return {
    passed: tests.filter((test) => test.status === 'passed').length,
    failed: failed + brokenFiles.length,
    skipped: skipped.length,
    skippedByComponent,
    skippedUnnamed,
    brokenFiles,
  };
}

/** vitest marks the tests of a suite whose hook failed as skipped, and only the file as failed. */
function listBrokenFiles(report: VitestReport, failedTests: number): string[] {
  const broken = report.testResults
    .filter((file) => file.status === 'failed')
    .filter((file) => file.assertionResults.every((test) => test.status !== 'failed'))
    .map((file) => file.name);
  const isUnexplained = !report.success && failedTests === 0 && broken.length === 0;
  return isUnexplained ? ['an error outside every test (see above)'] : broken;
}

/** What is printed under vitest's own output; the last line is read by programs. */
export function renderSummary(summary: Summary, options: { requireAll: boolean }): string {
  const lines: string[] = [];
  if (summary.brokenFiles.length > 0) {
    lines.push('Broken outside of a test:', ...summary.brokenFiles.map((file) => `  ${file}`));
  }
  if (summary.skippedByComponent.size > 0) {
    lines.push('Skipped for want of a component:');
    const components = [...summary.skippedByComponent].toSorted(([a], [b]) => a.localeCompare(b));
    for (const [component, count] of components) {
      lines.push(`  ${component.padEnd(14)} ${count} test${count === 1 ? '' : 's'}`);
    }
  }
  if (summary.skippedUnnamed.length > 0) {
    lines.push('Skipped without naming a component:');
    lines.push(...summary.skippedUnnamed.map((name) => `  ${name}`));
  }
  if (options.requireAll && summary.skipped > 0) {
    lines.push('REQUIRE_ALL is set: what was skipped counts as failed.');
  }
  return [...lines, countLine(summary, options)].join('\n');
}

function countLine(summary: Summary, options: { requireAll: boolean }): string {
  const { passed, failed, skipped } = summary;
  if (options.requireAll) return `${passed} passed, ${failed + skipped} failed`;
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export function isSuccess(summary: Summary, options: { requireAll: boolean }): boolean {
  if (options.requireAll && summary.skipped > 0) return false;
  return summary.failed === 0 && summary.passed > 0;
}
