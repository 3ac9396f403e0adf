import { expect, it } from 'vitest';

import { definesFlag } from './script-flags.ts';

it.each([
  ["parser.add_argument('--json', action='store_true')", true],
  ['@click.option("-j", "--json")', true],
  ["program.option('-j, --json <file>')", true],
  ["program.option('--json [file]')", true],
  ['case $1 in\n  --json) shift ;;', true],
  ['  -j|--json) shift ;;', true],
  ['  --json=*) shift ;;', true],
  ["if '--json' in sys.argv:", true],
  ['# usage: rgrid run x.py --json data/*.csv', false],
  ['"""Run: rgrid run x.py --json\n"""', false],
  ["add_argument('--json-file')", false],
  ["add_argument('--no-json')", false],
])('of %j says %j', (source, expected) => {
  expect(definesFlag(source, 'json')).toBe(expected);
});
