/**
 * Whether a text defines the flag `--name`: a quoted word of exactly that name, alone or in an option
 * string (`'--json'`, `"-j, --json <file>"`), a shell case (`--json)`, `--json|-j)`), or as one of the
 * libraries that make flags of other things has it. A usage line in a comment or a help text
 * (`rgrid run x.py --batch data/*.csv`) does not count.
 */
export function definesFlag(source: string, name: string): boolean {
  if (!source.includes(name) && !source.includes(snakeCase(name))) return false;
  const patterns = [
    ...QUOTED,
    ...LIBRARIES.flatMap(({ uses, patterns: own }) => (uses.test(source) ? own : [])),
  ];
  return patterns.some((pattern) => patternFor(pattern, name).test(source));
}

// NAME stands for the name of the flag, SNAKE for the variable that becomes it.
const QUOTED = [
  String.raw`["'\`](-\w[,| ]\s*)?--NAME(["'\`]|[ =][<\[]|, ?-)`,
  String.raw`(^|[\s|(])--NAME(=\*)?(\)|\s*\|)`,
];

const LIBRARIES: readonly { uses: RegExp; patterns: readonly string[] }[] = [
  // A flag of every parameter or field with a type.
  {
    uses: /\b(typer|fire|cyclopts|tyro|simple_parsing|HfArgumentParser)\b/,
    patterns: [String.raw`(^|[(,])\s*SNAKE\s*:\s*[A-Za-z]`],
  },
  // The help text itself.
  { uses: /\bdocopt\b/, patterns: [String.raw`^\s*(-\w[, ]\s*)?--NAME\b`] },
  // Names without dashes.
  {
    uses: /\b(parseArgs|yargs)\b/,
    patterns: [
      String.raw`(^|[{,\s])["']?NAME["']?\s*:\s*\{`,
      String.raw`\boption\(\s*["']NAME["']`,
    ],
  },
];

function patternFor(pattern: string, name: string): RegExp {
  const escaped = pattern
    .replaceAll('NAME', name.replaceAll('-', String.raw`\-`))
    .replaceAll('SNAKE', snakeCase(name));
  return new RegExp(escaped, 'm');
}

function snakeCase(name: string): string {
  return name.replaceAll('-', '_');
}
