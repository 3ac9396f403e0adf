import { expect, it } from 'vitest';

import { plainProgress, renderProgress, type BatchProgress } from './progress-bar.ts';

const progress: BatchProgress = {
  total: 100,
  done: 50,
  failed: 2,
  running: 8,
  saving: 0,
  reused: 0,
  elapsedMs: 10_000,
};

it.each([
  [80, '████████████░░░░░░░░░░░░ 50/100 · 2 failed · 8 running · 10 s left · 5.0/s'],
  [60, '████░░░░░ 50/100 · 2 failed · 8 running · 10 s left · 5.0/s'],
  [50, '50/100 · 2 failed · 8 running · 10 s left · 5.0/s'],
  [30, '50/100 · 2 failed · 8 running'],
  [12, '50/100'],
  [4, '50/'],
  [0, '5'],
])('fits into %i columns', (columns, expected) => {
  expect(renderProgress(progress, columns)).toBe(expected);
});

it('promises nothing before it can know', () => {
  expect(renderProgress({ ...progress, done: 1, elapsedMs: 100 }, 80)).not.toContain('left');
  expect(renderProgress({ ...progress, done: 50, reused: 50 }, 80)).not.toContain('left');
});

it('counts speed without what was done before', () => {
  expect(plainProgress({ ...progress, reused: 40 })).toBe(
    '50 of 100 done, 2 failed, 8 running, 50 s left, 1.0/s',
  );
});

it('tells what runs from what is saved', () => {
  expect(plainProgress({ ...progress, saving: 3 })).toContain('8 running, 3 saving outputs, ');
});

it('says nothing is left at the end', () => {
  expect(plainProgress({ ...progress, done: 100, running: 0, failed: 0 })).toBe(
    '100 of 100 done, 0 running, 10/s',
  );
});
