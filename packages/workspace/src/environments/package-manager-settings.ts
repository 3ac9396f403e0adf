import { fileURLToPath } from 'node:url';

// Where packages come from and how they are reached. Not where npm keeps its cache or whose npmrc it
// read: `npm start` sets those for everything below it, and inside a sandbox such folders do not exist.
// Nor where pip should put or log things: that is said by whoever calls it.
const SETTING =
  /^(PIP_((EXTRA_)?INDEX_URL|NO_INDEX|FIND_LINKS|TRUSTED_HOST|PROXY|CERT|(DEFAULT_)?TIMEOUT|RETRIES|CONSTRAINT|(ONLY|NO|PREFER)_BINARY)|npm_config_(.*registry|.*proxy|cafile|ca|strict_ssl|fetch_.+)|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|HTTPS?_PROXY|NO_PROXY)$/i;

/** Settings whose value is a file or folder; of the first kind several, with spaces between. */
const PATH_LISTS = /^PIP_(FIND_LINKS|CONSTRAINT)$/i;
const PATHS = /^(PIP_CERT|npm_config_cafile|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS)$/i;

/** Every sandbox has the system's folders, and of /etc what programs need. */
const SYSTEM = /^\/(usr|bin|sbin|lib\w*|etc)(\/|$)/;

/** What pip and npm are told by the environment on this machine; scripts themselves never see it. */
export function packageManagerSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value !== undefined && SETTING.test(name) ? [[name, value]] : [],
    ),
  );
}

export interface SettingsInside {
  env: Record<string, string>;
  /** To be mounted, read-only, where they are: a folder of wheels, a certificate. */
  mounts: string[];
}

/** What holds of the settings in a sandbox. A path that is not on this machine, or cannot be mounted, is left out. */
export function settingsInside(
  settings: Readonly<Record<string, string>>,
  kindOf: (path: string) => 'file' | 'folder' | undefined,
): SettingsInside {
  const inside: SettingsInside = { env: {}, mounts: [] };
  for (const [name, value] of Object.entries(settings)) {
    const isList = PATH_LISTS.test(name);
    if (!isList && !PATHS.test(name)) {
      inside.env[name] = value;
      continue;
    }
    const words = isList ? value.split(/\s+/).filter(Boolean) : [value];
    const kept = words.filter((word) => {
      const path = pathOf(word);
      if (path === undefined || SYSTEM.test(path)) return true;
      if (!canMount(path, kindOf(path))) return false;
      inside.mounts.push(path);
      return true;
    });
    if (kept.length > 0) inside.env[name] = kept.join(' ');
  }
  return inside;
}

/** undefined: the address of something elsewhere. */
function pathOf(word: string): string | undefined {
  if (/^file:\/\/\//i.test(word)) return fileURLToPath(word);
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(word) ? undefined : word;
}

/** A sandbox has a /tmp of its own, in which only folders can be mounted. */
function canMount(path: string, kind: 'file' | 'folder' | undefined): boolean {
  const isPlain = /^(\/[^/]+)+$/.test(path) && !/\/\.\.?(\/|$)/.test(path);
  if (!isPlain || kind === undefined || /^\/(proc|dev|sys)(\/|$)/.test(path)) return false;
  return path !== '/tmp' && (kind === 'folder' || !path.startsWith('/tmp/'));
}
