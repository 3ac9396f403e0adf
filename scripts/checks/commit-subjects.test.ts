import { describe, expect, it } from 'vitest';
import { findSubjectProblem } from './commit-subjects.ts';

describe('subject of a commit', () => {
  it.each([
    ['kit: add a clock', undefined],
    ['grid, worker: say why an execution waits', undefined],
    ['apps/rgrid: print the cost', undefined],
    ['Kit: add a clock', 'not of the shape `area: what changed`'],
    ['add a clock', 'not of the shape `area: what changed`'],
    ['kit:add', 'not of the shape `area: what changed`'],
    [`kit: ${'x'.repeat(68)}`, '73 characters, at most 72'],
  ])('%s: %s', (subject, problem) => {
    expect(findSubjectProblem(subject)).toBe(problem);
  });
});
