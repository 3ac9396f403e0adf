import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { chown, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import type { Dependencies } from '@nexus/grid/contract';
import { sandboxOwner, type SandboxDriver } from '@nexus/sandbox';

import type { BlobSource } from '../materialize.ts';
import type { Interpreters } from '../runtimes/interpreters.ts';
import { settingsInside } from './package-manager-settings.ts';
import type { ResolvedRuntime } from '../runtimes/resolve-runtime.ts';

const run = promisify(execFile);

export interface BuildRequest {
  /** Names the sandbox. */
  id: string;
  dependencies: Dependencies;
  runtime: ResolvedRuntime;
  interpreters: Interpreters;
  driver: SandboxDriver;
  source: BlobSource;
  /** An empty folder; the environment is in its `installed` afterwards, the rest may be thrown away. */
  work: string;
  /** Settings of package managers (PIP_…, npm_config_…). */
  environment: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

export type BuildResult =
  | { ok: true }
  /** The user's own to mend. `said`: the end of what the package manager printed on stderr. */
  | { ok: false; reason: string; said: string };

/** Inside the sandbox, where it is built. */
const BUILD_FOLDER = '/rgrid-build';
const MAX_SAID = 8000;
const LIMITS = {
  cpus: 2,
  memoryBytes: 4 * 1024 ** 3,
  timeoutMs: 9 * 60_000,
  processes: 512,
  openFiles: 8192,
  diskBytes: 20 * 1024 ** 3,
};

/** Installs dependencies in a sandbox with network: a package's own install scripts are other people's code. */
export async function buildEnvironment(request: BuildRequest): Promise<BuildResult> {
  const { dependencies, interpreters, work } = request;
  if (dependencies.manager === 'npm' && !interpreters.has('npm')) {
    return { ok: false, reason: 'this worker has no npm to install package.json with', said: '' };
  }
  await placeFiles(request);
  const result = await install(request);
  if (!result.ok) return result;
  if (dependencies.manager === 'npm') await keepNodeModules(work, folderOf(dependencies));
  // Nothing that a script could write to: the next one gets the same folder.
  if (ownerFor(request.driver)) await chown(join(work, 'installed'), 0, 0);
  return { ok: true };
}

async function placeFiles({ dependencies, source, work, driver }: BuildRequest): Promise<void> {
  await mkdir(join(work, 'files'), { recursive: true });
  await mkdir(join(work, 'installed'));
  for (const file of dependencies.files) {
    const destination = join(work, 'files', file.path);
    await mkdir(dirname(destination), { recursive: true });
    await source.place(file, destination);
  }
  const owner = ownerFor(driver);
  if (owner) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, work]);
}

function ownerFor(driver: SandboxDriver): { uid: number; gid: number } | null {
  return driver.description.isolates ? sandboxOwner() : null;
}

function folderOf(dependencies: Dependencies): string {
  return dirname(dependencies.files[0]?.path ?? '');
}

async function install(request: BuildRequest): Promise<BuildResult> {
  const { driver, runtime, work, dependencies, signal } = request;
  const inside = driver.description.isolates ? BUILD_FOLDER : work;
  const settings = driver.description.isolates
    ? settingsInside(request.environment, kindOf)
    : { env: request.environment, mounts: [] };
  const running = await driver.start({
    id: request.id,
    command: installCommand(request, inside),
    cwd: join(inside, 'files', dependencies.manager === 'npm' ? folderOf(dependencies) : ''),
    env: {
      PATH: [...runtime.path, '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
      HOME: join(inside, 'files'),
      TMPDIR: '/tmp',
      LANG: 'C.UTF-8',
      ...settings.env,
    },
    mounts: [
      { source: work, target: BUILD_FOLDER, access: 'write' },
      ...mountsOf(request, settings.mounts).map((path) => ({
        source: path,
        target: path,
        access: 'read' as const,
      })),
    ],
    diskRoots: [work],
    limits: LIMITS,
    network: true,
    stdin: { kind: 'empty' },
    killGraceMs: 2000,
  });
  const cancel = () => running.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  let said = '';
  running.stdout.resume();
  running.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(-MAX_SAID)));
  const { outcome } = await running.exited;
  signal.removeEventListener('abort', cancel);
  signal.throwIfAborted();
  if (outcome.kind === 'exited' && outcome.exitCode === 0) return { ok: true };
  const files = dependencies.files.map((file) => file.path).join(' and ');
  const why =
    outcome.kind === 'exited'
      ? `${dependencies.manager} ended with ${outcome.exitCode}`
      : outcome.kind.replaceAll('_', ' ');
  return { ok: false, reason: `the dependencies in ${files} could not be installed: ${why}`, said };
}

function mountsOf({ runtime, interpreters }: BuildRequest, others: readonly string[]): string[] {
  const npm = interpreters.get('npm')?.mounts ?? [];
  return [...new Set([...runtime.mounts, ...npm, ...others])];
}

function kindOf(path: string): 'file' | 'folder' | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return stats.isDirectory() ? 'folder' : 'file';
}

function installCommand(
  { dependencies, runtime, interpreters }: BuildRequest,
  inside: string,
): string[] {
  const [program = ''] = runtime.argvPrefix;
  if (dependencies.manager === 'pip') {
    return [
      ...[
        program,
        '-m',
        'pip',
        'install',
        '--no-input',
        '--disable-pip-version-check',
        '--no-cache-dir',
      ],
      ...[
        '--no-warn-script-location',
        '--root-user-action=ignore',
        '--target',
        join(inside, 'installed'),
      ],
      ...['-r', join(inside, 'files', dependencies.files[0]?.path ?? '')],
    ];
  }
  const hasLock = dependencies.files.some((file) => file.path.endsWith('package-lock.json'));
  const npm = interpreters.get('npm')?.path ?? '';
  return [
    program,
    npm,
    hasLock ? 'ci' : 'install',
    '--no-audit',
    '--no-fund',
    '--omit=dev',
    '--loglevel=error',
  ];
}

async function keepNodeModules(work: string, folder: string): Promise<void> {
  const made = join(work, 'files', folder, 'node_modules');
  // npm makes none when there is nothing to install.
  await mkdir(made, { recursive: true });
  await rm(join(work, 'installed'), { recursive: true });
  await rename(made, join(work, 'installed'));
}
