import { describe, expect, it } from 'vitest';

import { flatNames, outputFolders, safeName } from './layout.ts';

const files = (...paths: string[]) =>
  paths.map((path) => ({ text: path, path: `/home/ana/${path}` }));
const values = (...texts: string[]) => texts.map((text) => ({ text, path: null }));

describe('outputFolders', () => {
  it.each([
    [files('data/a.csv', 'data/b.csv'), ['a.csv', 'b.csv']],
    [files('x/in.csv', 'y/in.csv', 'z/other.csv'), ['x/in.csv', 'y/in.csv', 'other.csv']],
    [files('in.csv', 'y/in.csv'), ['in.csv', 'y/in.csv']],
    [files('d/x/1/in.csv', 'd/y/1/in.csv'), ['x/1/in.csv', 'y/1/in.csv']],
    [files('x/in.csv', 'y/in.csv', 'q/x'), ['x/in.csv', 'y/in.csv', 'x-2']],
    [files('.hidden', '-dash', 'a b\n'), ['_hidden', '-dash', 'a b_']],
    [values('1', '2', 'a/b', '..', ''), ['1', '2', 'a_b', '__', '_']],
    [values('a/b', 'a_b'), ['a_b', 'a_b-2']],
  ])('of %j is %j', (items, folders) => {
    expect(outputFolders(items)).toEqual(folders);
  });
});

it('keeps a folder name within what a file system takes', () => {
  expect(Buffer.byteLength(safeName('ü'.repeat(200)))).toBeLessThan(250);
  expect(safeName('x'.repeat(240))).toHaveLength(240);
});

it('flattens outputs, with the input in the name where two would collide', () => {
  const names = flatNames([
    { folder: 'a.csv', paths: ['result.csv', 'a.png'] },
    { folder: 'x/b.csv', paths: ['result.csv', 'sub/r.csv'] },
    { folder: 'c.csv', paths: ['sub/r.csv'] },
  ]);
  expect(names.map((map) => Object.fromEntries(map))).toEqual([
    { 'result.csv': 'a.csv-result.csv' },
    { 'result.csv': 'x_b.csv-result.csv', 'sub/r.csv': 'sub/x_b.csv-r.csv' },
    { 'sub/r.csv': 'sub/c.csv-r.csv' },
  ]);
});
