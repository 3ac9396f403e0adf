import { expect, it } from 'vitest';

import { besideName, isBesideNameOf, isOwnName, partName, shortId } from './own-names.ts';

it.each([
  ['result.csv', 'result.remote-k3m9x7-0.csv'],
  ['archive.tar.gz', 'archive.tar.remote-k3m9x7-0.gz'],
  ['Makefile', 'Makefile.remote-k3m9x7-0'],
  ['.env', '.env.remote-k3m9x7-0'],
])('lays %s beside as %s', (name, expected) => {
  expect(besideName(name, shortId('k3m9x7q2abcd-0'))).toBe(expected);
});

it('tells several names beside apart', () => {
  expect(besideName('a.txt', shortId('k3m9x7q2abcd-17-2'), 3)).toBe('a.remote-k3m9x7-17-2-3.txt');
});

it.each(['result.csv', 'archive.tar.gz', 'Makefile', '.env', 'a.remote-k3m9x7-0.csv'])(
  'knows what it laid beside %s',
  (name) => {
    for (const id of ['k3m9x7q2abcd-0', 'k3m9x7q2abcd-17-2', 'local-k3m9x7-4']) {
      const beside = besideName(name, shortId(id), 2);
      expect([isOwnName(beside), isBesideNameOf(beside, name)]).toEqual([true, true]);
    }
  },
);

it('knows the name of what it has in part', () => {
  expect(isOwnName(partName('0123456789ab'))).toBe(true);
});

it.each([
  'result.csv',
  '.rgrid-notes.part',
  'x.remote-control.md',
  'git.remote-origin',
  'remote-k3m9x7-0',
  '.env',
])('takes %s for a name of its own', (name) => {
  expect(isOwnName(name)).toBe(false);
});

it.each([
  ['a.remote-k3m9x7-0.csv', 'b.csv'],
  ['a.remote-k3m9x7-0.csv', 'a.txt'],
  ['a.csv', 'a.csv'],
  ['ab.remote-k3m9x7-0.csv', 'a.csv'],
])('%s was not laid beside %s', (name, original) => {
  expect(isBesideNameOf(name, original)).toBe(false);
});
