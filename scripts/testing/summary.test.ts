import { describe, expect, it } from 'vitest';
import { isSuccess, listNeeds, renderSummary, summarize, type VitestReport } from './summary.ts';

type File = VitestReport['testResults'][number];

function test(status: string, ...titles: string[]): File['assertionResults'][number] {
  return {
    status,
    title: titles.at(-1) ?? '',
    ancestorTitles: titles.slice(0, -1),
    fullName: titles.join(' '),
  };
}

function file(name: string, ...assertionResults: File['assertionResults']): File {
  const isFailed = assertionResults.some(({ status }) => status === 'failed');
  return { name, status: isFailed ? 'failed' : 'passed', assertionResults };
}

function report(...testResults: File[]): VitestReport {
  return { success: testResults.every(({ status }) => status === 'passed'), testResults };
}

const CI = { requireAll: true };
const LAPTOP = { requireAll: false };

describe('summary of a test run', () => {
  it('reads components from any title, several at once, each once', () => {
    expect(listNeeds(['Docker driver [needs docker, root]', 'x [needs docker]'])).toEqual([
      'docker',
      'root',
    ]);
  });

  it('counts skipped tests by the component they wait for', () => {
    const summary = summarize(
      report(
        file('a', test('passed', 'runs'), test('skipped', 'Docker [needs docker]', 'starts')),
        file('b', test('skipped', 'Limits [needs cgroups, root]', 'memory')),
        file('c', test('pending', 'Docker [needs docker]', 'stops')),
      ),
    );
    expect(renderSummary(summary, LAPTOP).split('\n')).toEqual([
      'Skipped for want of a component:',
      '  cgroups        1 test',
      '  docker         2 tests',
      '  root           1 test',
      '1 passed, 0 failed, 3 skipped',
    ]);
    expect(isSuccess(summary, LAPTOP)).toBe(true);
  });

  it('calls out a skipped or planned test that names no component', () => {
    const summary = summarize(report(file('a', test('passed', 'x'), test('todo', 'later'))));
    expect(summary.skippedUnnamed).toEqual(['later']);
  });

  it('counts what is skipped as failed where everything is required', () => {
    const summary = summarize(
      report(file('a', test('passed', 'x'), test('skipped', 'y [needs root]'))),
    );
    expect(renderSummary(summary, CI).split('\n').at(-1)).toBe('1 passed, 1 failed');
    expect(isSuccess(summary, CI)).toBe(false);
  });

  it('fails a run in which no test ran', () => {
    expect(isSuccess(summarize(report()), LAPTOP)).toBe(false);
  });

  it('counts a file that failed without a failed test', () => {
    const broken: File = {
      name: 'hook',
      status: 'failed',
      assertionResults: [test('skipped', 'x')],
    };
    const summary = summarize(report(broken, file('a', test('passed', 'x'))));
    expect(summary).toMatchObject({ passed: 1, failed: 1, brokenFiles: ['hook'] });
  });

  it('counts an error that vitest pins on no file', () => {
    const summary = summarize({ ...report(file('a', test('passed', 'x'))), success: false });
    expect(summary.failed).toBe(1);
    expect(isSuccess(summary, LAPTOP)).toBe(false);
  });
});
