import { canonicalJson, sha256 } from '@nexus/kit/hash';
import type { Dependencies } from '@nexus/grid/contract';

/** Grows when what an environment holds is laid out differently: older ones are not reused then. */
const LAYOUT_VERSION = 1;

export interface DependencyPlatform {
  /** Version of the interpreter that will load them. */
  runtimeVersion: string;
  /** `linux-x64`, … */
  platform: string;
}

/** Names an installed set: the same files on the same runtime and platform give the same environment. */
export function environmentKey(dependencies: Dependencies, platform: DependencyPlatform): string {
  const files = dependencies.files.map((file) => ({ path: file.path, sha256: file.sha256 }));
  return sha256(canonicalJson({ version: LAYOUT_VERSION, manager: dependencies.manager, files, ...platform }));
}

/** Inside the sandbox: where an environment is built, and where it is mounted afterwards. */
export const BUILD_FOLDER = '/rgrid-build';
export const PYTHON_PACKAGES = '/opt/rgrid/python';

/** The command that installs into BUILD_FOLDER/installed from the files in BUILD_FOLDER/files. */
export function installCommand(dependencies: Dependencies, programs: { python: string; node: string; npm: string }): string[] {
  const [first] = dependencies.files;
  if (dependencies.manager === 'pip') {
    return [
      ...[programs.python, '-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--no-cache-dir'],
      ...['--no-warn-script-location', '--root-user-action=ignore', '--target', `${BUILD_FOLDER}/installed`],
      ...['-r', `${BUILD_FOLDER}/files/${first?.path ?? ''}`],
    ];
  }
  const hasLock = dependencies.files.some((file) => file.path.endsWith('package-lock.json'));
  return [programs.node, programs.npm, hasLock ? 'ci' : 'install', '--no-audit', '--no-fund', '--omit=dev', '--loglevel=error'];
}
