/**
 * Whether a script's text defines the flag `--name`: a quoted word of exactly that name, alone or in
 * an option string (`'--json'`, `"-j, --json <file>"`), or a shell case (`--json)`, `--json|-j)`).
 * A usage line in a comment or a help text (`rgrid run x.py --batch data/*.csv`) does not count.
 */
export function definesFlag(source: string, name: string): boolean {
  const escaped = name.replaceAll('-', '\\-');
  const quoted = new RegExp(`["'\`](-\\w[,| ]\\s*)?--${escaped}(["'\`]|[ =][<\\[]|, ?-)`);
  const shellCase = new RegExp(`(^|[\\s|(])--${escaped}(=\\*)?(\\)|\\s*\\|)`, 'm');
  return quoted.test(source) || shellCase.test(source);
}
