/**
 * What a line of requirements.txt asks for that lies on this machine: a folder, an archive, a folder of
 * archives. Only the requirements travel to where they are installed, not what they name. undefined for
 * anything that comes from an index or an address.
 */
export function localRequirement(line: string): string | undefined {
  const option = /^(-e|--editable|-f|--find-links)(?:\s*=?\s*)(.+)$/.exec(line);
  const subject = option?.[2] ?? line;
  if (option === null && line.startsWith('-')) return undefined;
  // `name @ address`, then what hash, marker and extras may follow.
  const target =
    subject.replace(/^[\w.-]+(\[[^\]]*\])?\s*@\s*/, '').split(/\s+(--|;)|;/, 1)[0] ?? '';
  const path = target.trim().replace(/\[[^\]]*\]$/, '');
  if (/^file:/i.test(path)) return path;
  if (/^[a-z][\w+.-]*:/i.test(path)) return undefined;
  const isPath = /^[.~]|\//.test(path) || /\.(whl|zip|tar\.\w+|tgz)$/.test(path);
  return isPath || option !== null ? path : undefined;
}
