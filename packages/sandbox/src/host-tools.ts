import { accessSync, constants } from 'node:fs';

/** Launchers run before privileges are dropped, so they are never looked up in anybody's PATH. */
const TOOL_DIRECTORIES = [
  '/usr/bin',
  '/bin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/opt/homebrew/bin',
  '/run/current-system/sw/bin',
];

const TOOL_NAMES = [
  'bwrap',
  'hostname',
  'ip',
  'mkfifo',
  'mount',
  'ps',
  'setpriv',
  'sh',
  'unshare',
] as const;

export type ToolName = (typeof TOOL_NAMES)[number];
export type HostTools = Readonly<Partial<Record<ToolName, string>>>;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function findHostTools(): HostTools {
  const found: Partial<Record<ToolName, string>> = {};
  for (const name of TOOL_NAMES) {
    const directory = TOOL_DIRECTORIES.find((dir) => isExecutable(`${dir}/${name}`));
    if (directory !== undefined) found[name] = `${directory}/${name}`;
  }
  return found;
}

/** Throws when one is missing: the driver that needs it cannot be built here. */
export function requireTools<Name extends ToolName>(
  tools: HostTools,
  names: readonly Name[],
): HostTools & Readonly<Record<Name, string>> {
  const missing = names.filter((name) => tools[name] === undefined);
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}`);
  // Every name was just seen to have a path.
  return tools as HostTools & Readonly<Record<Name, string>>;
}
