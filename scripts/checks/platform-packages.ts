import path from 'node:path';

/** The entries of a package-lock.json that matter here. */
export interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Lock {
  readonly packages: Record<string, LockedPackage>;
}

export interface MissingPackage {
  readonly location: string;
  readonly name: string;
  readonly version: string;
  readonly isDev: boolean;
}

const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

/**
 * Packages for other platforms that the lockfile names and does not lock. npm leaves them out when
 * the registry it asks does not carry them, and `npm ci` then refuses the lockfile everywhere.
 */
export function listMissingPackages(lock: Lock): MissingPackage[] {
  return Object.entries(lock.packages).flatMap(([location, { optionalDependencies, dev }]) =>
    Object.entries(optionalDependencies ?? {})
      .filter(([name, version]) => EXACT.test(version) && !isLocked(lock, location, name))
      .map(([name, version]) => ({
        location: `node_modules/${name}`,
        name,
        version,
        isDev: dev === true,
      })),
  );
}

/** Looks where Node would: beside the package, then in every folder above it. */
function isLocked(lock: Lock, location: string, name: string): boolean {
  let folder = location;
  for (;;) {
    if (path.posix.join(folder, 'node_modules', name) in lock.packages) return true;
    if (folder === '' || folder === '.') return false;
    folder = path.posix.dirname(folder);
  }
}

const SYSTEMS = 'aix|android|darwin|freebsd|linux|openharmony|sunos|win32';
const PROCESSORS = 'arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64';
const PLATFORM = new RegExp(`(?:^|[/-])(${SYSTEMS})-(${PROCESSORS})(?:-|$)`);

/** `binding-linux-x64-musl` is for Linux, x64, musl; undefined where the name does not say. */
export function findPlatform(
  name: string,
): { os: string[]; cpu: string[]; libc?: string[] } | undefined {
  const [, system, processor] = PLATFORM.exec(name) ?? [];
  if (system === undefined || processor === undefined) return undefined;
  const platform = { os: [system], cpu: [processor] };
  if (system !== 'linux') return platform;
  if (/-gnu\w*$/.test(name)) return { ...platform, libc: ['glibc'] };
  return /-musl\w*$/.test(name) ? { ...platform, libc: ['musl'] } : platform;
}
