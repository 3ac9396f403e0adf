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

it.each([
  ['import typer\ndef main(json_lines: bool = False):', 'json-lines', true],
  ['import typer\ndef main(\n    json_lines: bool,\n):', 'json-lines', true],
  ['import fire\nx = run(json_lines=True)', 'json-lines', false],
  ['def main(json_lines: bool):', 'json-lines', false],
  [
    'from docopt import docopt\nhelp = """\n  -j, --json-lines=<n>  Lines.\n"""',
    'json-lines',
    true,
  ],
  ["parseArgs({ options: { timeout: { type: 'string' } } })", 'timeout', true],
  ["yargs(hideBin(argv)).option('timeout', { type: 'number' })", 'timeout', true],
  ['fetch(url, { timeout: 5 })', 'timeout', false],
])('of %j and --%s says %j', (source, name, expected) => {
  expect(definesFlag(source, name)).toBe(expected);
});
