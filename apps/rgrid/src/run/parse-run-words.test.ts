import { describe, expect, it } from 'vitest';

import { usageProblem } from '../problem.ts';
import { parseRunWords } from './parse-run-words.ts';
import { RUN_FLAGS } from './run-flags.ts';

const FILES = new Set(['x.py', 'a.csv', 'b.csv', '-x.csv']);
const world = { exists: (path: string) => FILES.has(path), findDefinition: () => undefined };
const parse = (line: string) => parseRunWords(line.split(' '), RUN_FLAGS, world);

describe('parseRunWords', () => {
  it.each([
    ['x.py', 'x.py', [], undefined],
    ['x.py a b', 'x.py', ['a', 'b'], undefined],
    ['x.py --name v -v', 'x.py', ['--name', 'v', '-v'], undefined],
    ['x.py -e K=V', 'x.py', ['-e', 'K=V'], undefined],
    ['x.py --help', 'x.py', ['--help'], undefined],
    ['x.py - -', 'x.py', ['-', '-'], undefined],
    ['x.py -- --batch --parallel 3', 'x.py', ['--batch', '--parallel', '3'], undefined],
    ['x.py -- -- a', 'x.py', ['--', 'a'], undefined],
    ['-- -x.py --json', '-x.py', ['--json'], undefined],
    ['x.py --batch a.csv b.csv --parallel 20', 'x.py', [], ['a.csv', 'b.csv']],
    ['x.py --batch a.csv -x.csv --parallel 20', 'x.py', [], ['a.csv', '-x.csv']],
    ['x.py --batch a.csv b.csv -v 3', 'x.py', ['-v', '3'], ['a.csv', 'b.csv']],
    ['x.py --batch a.csv b.csv -- --flat', 'x.py', ['--flat'], ['a.csv', 'b.csv']],
    ['x.py --batch=*.csv c', 'x.py', ['c'], ['*.csv']],
    ['--batch *.csv x.py c', 'x.py', ['c'], ['*.csv']],
    ['--batch {1..5} x.py --seed {}', 'x.py', ['--seed', '{}'], ['{1..5}']],
    ['--batch *.csv x.py --parallel 2 c', 'x.py', ['c'], ['*.csv']],
    ['--batch a.csv b.csv missing.py', 'b.csv', ['missing.py'], ['a.csv']],
    ['--batch a.csv b.csv --parallel 2 x.py c', 'x.py', ['c'], ['a.csv', 'b.csv']],
    ['--batch a.csv b.csv -- x.py --flat', 'x.py', ['--flat'], ['a.csv', 'b.csv']],
    ['x.py --batch a.csv --flat --batch b.csv', 'x.py', [], ['a.csv', 'b.csv']],
  ])('reads "%s"', (...[line, script, args, batch]) => {
    expect(parse(line)).toMatchObject({ script, args, batch });
  });

  it('takes its own flags with values on both sides of the script', () => {
    const { flags, args } = parse(
      '-e A=1 --cpu 2 x.py in.csv --timeout=5m --env B=2 --flat out.csv',
    );
    expect(flags.all('env')).toEqual(['A=1', 'B=2']);
    expect([flags.text('cpu'), flags.text('timeout'), flags.has('flat')]).toEqual([
      '2',
      '5m',
      true,
    ]);
    expect(args).toEqual(['in.csv', 'out.csv']);
  });

  it('leaves a flag to the script that is given it by one of its files', () => {
    const findDefinition = (_: string, name: string) =>
      name === 'timeout' || name === 'cpus' ? 'cli.py' : undefined;
    const line = ['x.py', '--timeout', '5', '--cpus=3', '--cpu', '2'];
    const words = parseRunWords(line, RUN_FLAGS, { ...world, findDefinition });
    expect(words).toMatchObject({
      args: ['--timeout', '5', '--cpus=3'],
      leftToScript: [
        { name: 'timeout', definedIn: 'cli.py' },
        { name: 'cpus', definedIn: 'cli.py' },
      ],
      taken: ['--cpu'],
    });
    expect(words.flags.text('cpu')).toBe('2');
  });

  it('tells what it took from behind the script, without values', () => {
    const words = parse('--cpu 2 x.py --secret A=b --memory=4G a --batch a.csv -- --flat');
    expect(words.taken).toEqual(['--secret', '--memory', '--batch']);
  });

  it('says with a refusal how the script gets the flag', () => {
    expect(() => parse('x.py --timeout')).toThrow(
      '--timeout needs a value: --timeout TIME (to give it to x.py, write -- before it)',
    );
    expect(() => parse('x.py --flat=yes')).toThrow('--flat takes no value (to give it to x.py');
  });

  it.each([
    ['--paralel 3 x.py', 'there is no flag --paralel; did you mean --parallel?'],
    ['--timeout', '--timeout needs a value: --timeout TIME'],
    ['--timeout --flat x.py', '--timeout needs a value: --timeout TIME'],
    ['--flat=yes x.py', '--flat takes no value'],
    ['-Z x.py', 'there is no flag -Z'],
  ])('refuses "%s"', (line, message) => {
    expect(() => parse(line)).toThrow(usageProblem(message));
  });
});
