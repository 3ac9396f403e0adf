import { expect, it } from 'vitest';

import { renderTransfer } from './transfer-bar.ts';

const transfer = { verb: 'sending', doneBytes: 100e6, totalBytes: 300e6, elapsedMs: 5000 };

it.each([
  [80, 'sending 100 MB of 300 MB · 20.0 MB/s · 10 s left'],
  [20, 'sending 100 MB of 3'],
])('in %i columns', (columns, expected) => {
  expect(renderTransfer(transfer, columns)).toBe(expected);
});

it('promises nothing at the start', () => {
  expect(renderTransfer({ ...transfer, doneBytes: 0, elapsedMs: 100 }, 80)).toBe(
    'sending 0 B of 300 MB',
  );
});
