import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { makeFolder } from '../testing/run-cli.ts';
import { Ledger } from './ledger.ts';

const fileOf = (home: string) => {
  const folder = join(home, '.rgrid/ledger');
  return join(folder, readdirSync(folder)[0] ?? '');
};

describe('the ledger', () => {
  it('remembers what was written into a folder, and only there', () => {
    const home = makeFolder('home');
    Ledger.load(home, '/a').record('x/y', 'one');
    expect(Ledger.load(home, '/a').contentsOf('x/y')).toEqual(['one']);
    expect(Ledger.load(home, '/b').contentsOf('x/y')).toEqual([]);
  });

  it('remembers the last two contents of a file', () => {
    const home = makeFolder('home');
    const ledger = Ledger.load(home, '/a');
    for (const content of ['one', 'two', 'two', 'three']) ledger.record('x', content);
    expect(Ledger.load(home, '/a').contentsOf('x')).toEqual(['two', 'three']);
  });

  it('survives half a line, and a home that cannot be written', () => {
    const home = makeFolder('home');
    Ledger.load(home, '/a').record('x', 'one');
    appendFileSync(fileOf(home), '["y","tw');
    expect(Ledger.load(home, '/a').contentsOf('x')).toEqual(['one']);
    const homeless = Ledger.load('/dev/null/home', '/a');
    homeless.record('x', 'one');
    expect(homeless.contentsOf('x')).toEqual(['one']);
  });

  it('does not grow for ever', () => {
    const home = makeFolder('home');
    const ledger = Ledger.load(home, '/a');
    for (let count = 0; count < 1200; count += 1) ledger.record('x', String(count));
    expect(Ledger.load(home, '/a').contentsOf('x')).toEqual(['1198', '1199']);
    expect(readFileSync(fileOf(home), 'utf8').split('\n')).toHaveLength(3);
  });
});
