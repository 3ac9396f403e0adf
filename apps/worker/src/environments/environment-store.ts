import { execFile } from 'node:child_process';
import { chown, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import type { Dependencies, LeaseRef } from '@nexus/grid/contract';
import { randomId } from '@nexus/kit/ids';
import { sha256OfFile } from '@nexus/kit/hash';
import { sandboxOwner, type SandboxDriver } from '@nexus/sandbox';
import {
  BUILD_FOLDER,
  environmentKey,
  installCommand,
  PYTHON_PACKAGES,
  type BlobSource,
  type InstalledDependencies,
  type Interpreters,
  type ResolvedRuntime,
} from '@nexus/workspace';

import { downloadBlob, uploadFile } from '../blobs/blob-transfer.ts';
import type { GridClient } from '../grid/grid-client.ts';
import type { HeldLease } from '../leases/held-lease.ts';
import type { LogPump } from '../logs/log-pump.ts';

const run = promisify(execFile);

/** The user's own to mend: what the script needs cannot be had. */
export class DependencyError extends Error {
  override readonly name = 'DependencyError';
  readonly stderrBytes: number;

  constructor(message: string, stderrBytes = 0) {
    super(message);
    this.stderrBytes = stderrBytes;
  }
}

export interface InstallRequest {
  held: HeldLease;
  ref: LeaseRef;
  driver: SandboxDriver;
  source: BlobSource;
  runtime: ResolvedRuntime;
  pump: LogPump;
}

export interface EnvironmentStoreOptions {
  client: GridClient;
  folder: string;
  interpreters: Interpreters;
  /** Settings of package managers (PIP_…, npm_config_…), handed to installations only. */
  environment: Readonly<Record<string, string>>;
}

const INSTALL_LIMITS = {
  cpus: 2,
  memoryBytes: 4 * 1024 ** 3,
  timeoutMs: 9 * 60_000,
  processes: 512,
  openFiles: 8192,
  diskBytes: 20 * 1024 ** 3,
};

/** Installed dependencies: made once per hash, in a sandbox, by one worker, and taken from it by all others. */
export class EnvironmentStore {
  readonly #options: EnvironmentStoreOptions;
  readonly #pending = new Map<string, Promise<string>>();

  constructor(options: EnvironmentStoreOptions) {
    this.#options = options;
  }

  async install(request: InstallRequest): Promise<InstalledDependencies> {
    const installed: InstalledDependencies = { mounts: [], env: {} };
    for (const dependencies of request.held.batch.spec.dependencies) {
      const folder = await this.#folderOf(request, dependencies);
      addTo(installed, { request, dependencies, folder });
    }
    return installed;
  }

  /** One installation at a time for each key; whoever asks meanwhile waits for the same one. */
  #folderOf(request: InstallRequest, dependencies: Dependencies): Promise<string> {
    const { accountId } = request.held.batch;
    const platform = `${process.platform}-${process.arch}`;
    const key = environmentKey(dependencies, { runtimeVersion: `${request.runtime.name} ${request.runtime.version}`, platform });
    const id = `${accountId}-${key}`;
    let pending = this.#pending.get(id);
    if (!pending) {
      pending = this.#obtain(request, { dependencies, key, folder: join(this.#options.folder, id) });
      this.#pending.set(id, pending);
      pending.catch(() => undefined).finally(() => this.#pending.delete(id));
    }
    return pending;
  }

  async #obtain(request: InstallRequest, wanted: Wanted): Promise<string> {
    const { client } = this.#options;
    const { signal } = request.held.controller;
    while (!(await isFolder(wanted.folder))) {
      const claim = await client.claimEnvironment(request.ref, wanted.key);
      if (claim.state === 'ready') await this.#download(request, wanted, claim);
      else if (claim.state === 'build') await this.#buildAndPublish(request, wanted);
      else await sleep(claim.retryMs, undefined, { signal });
    }
    return wanted.folder;
  }

  async #download(request: InstallRequest, wanted: Wanted, blob: { sha256: string; sizeBytes: number }): Promise<void> {
    const work = join(dirname(wanted.folder), `incoming-${randomId()}`);
    await mkdir(join(work, 'installed'), { recursive: true });
    try {
      const archive = join(work, 'archive.tar');
      const { signal } = request.held.controller;
      await downloadBlob(this.#options.client, { lease: request.ref, blob, destination: archive, signal });
      await run('tar', ['--extract', '--file', archive, '--directory', join(work, 'installed'), '--no-same-owner']);
      await rename(join(work, 'installed'), wanted.folder);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async #buildAndPublish(request: InstallRequest, wanted: Wanted): Promise<void> {
    const { client } = this.#options;
    const work = join(dirname(wanted.folder), `build-${randomId()}`);
    try {
      await this.#build(request, wanted, work);
      const archive = join(work, 'archive.tar');
      // Sorted, without owners and times: the same packages make the same blob on every worker.
      const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
      await run('tar', ['--create', '--file', archive, ...same, '--directory', join(work, 'installed'), '.']);
      const blob = { sha256: await sha256OfFile(archive), sizeBytes: (await stat(archive)).size };
      await uploadFile(client, { lease: request.ref, blob, path: archive, signal: request.held.controller.signal });
      await client.publishEnvironment(request.ref, wanted.key, { state: 'ready', ...blob });
      await rename(join(work, 'installed'), wanted.folder);
    } catch (error) {
      await client.publishEnvironment(request.ref, wanted.key, { state: 'failed' }).catch(() => undefined);
      throw error;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async #build(request: InstallRequest, { dependencies }: Wanted, work: string): Promise<void> {
    const command = installCommand(dependencies, this.#programs(request.runtime, dependencies));
    await mkdir(join(work, 'files'), { recursive: true });
    await mkdir(join(work, 'installed'));
    for (const file of dependencies.files) {
      await mkdir(dirname(join(work, 'files', file.path)), { recursive: true });
      await request.source.place(file, join(work, 'files', file.path));
    }
    const owner = request.driver.description.isolates ? sandboxOwner() : null;
    if (owner) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, work]);
    await this.#runInstall(request, { work, command, dependencies });
    if (dependencies.manager === 'npm') {
      const made = join(work, 'files', dirname(dependencies.files[0]?.path ?? ''), 'node_modules');
      await rm(join(work, 'installed'), { recursive: true });
      await mkdir(made, { recursive: true });
      await rename(made, join(work, 'installed'));
    }
    if (owner) await chown(join(work, 'installed'), 0, 0);
  }

  async #runInstall(
    request: InstallRequest,
    { work, command, dependencies }: { work: string; command: string[]; dependencies: Dependencies },
  ): Promise<void> {
    const { driver, runtime, ref } = request;
    const inside = driver.description.isolates ? BUILD_FOLDER : work;
    const argv = command.map((word) => word.replace(BUILD_FOLDER, inside));
    const folder = dependencies.manager === 'npm' ? dirname(dependencies.files[0]?.path ?? '') : '';
    const mounts = [...runtime.mounts, ...(this.#options.interpreters.get('npm')?.mounts ?? [])];
    const running = await driver.start({
      id: `${ref.executionId}-e${ref.epoch}-install`,
      command: argv,
      cwd: join(inside, 'files', folder),
      env: { PATH: [...runtime.path, '/usr/local/bin:/usr/bin:/bin'].join(':'), HOME: join(inside, 'files'), TMPDIR: '/tmp', LANG: 'C.UTF-8', ...this.#options.environment },
      mounts: [
        { source: work, target: BUILD_FOLDER, access: 'write' },
        ...mounts.map((path) => ({ source: path, target: path, access: 'read' as const })),
      ],
      diskRoots: [work],
      limits: INSTALL_LIMITS,
      network: true,
      stdin: { kind: 'empty' },
      killGraceMs: 2000,
    });
    const cancel = () => running.cancel();
    request.held.controller.signal.addEventListener('abort', cancel, { once: true });
    let said = '';
    running.stdout.resume();
    running.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-8000)));
    const { outcome } = await running.exited;
    request.held.controller.signal.throwIfAborted();
    if (outcome.kind === 'exited' && outcome.exitCode === 0) return;
    const names = dependencies.files.map((file) => file.path).join(' and ');
    const why = outcome.kind === 'exited' ? `${dependencies.manager} ended with ${outcome.exitCode}` : outcome.kind.replaceAll('_', ' ');
    await request.pump.say(said);
    throw new DependencyError(`the dependencies in ${names} could not be installed: ${why}`, Buffer.byteLength(said));
  }

  #programs(runtime: ResolvedRuntime, dependencies: Dependencies): { python: string; node: string; npm: string } {
    const npm = this.#options.interpreters.get('npm')?.path;
    if (dependencies.manager === 'npm' && npm === undefined) throw new DependencyError('this worker has no npm to install package.json with');
    const [program = ''] = runtime.argvPrefix;
    return { python: program, node: program, npm: npm ?? '' };
  }
}

interface Wanted {
  dependencies: Dependencies;
  key: string;
  folder: string;
}

function addTo(
  installed: InstalledDependencies,
  { request, dependencies, folder }: { request: InstallRequest; dependencies: Dependencies; folder: string },
): void {
  if (dependencies.manager === 'pip') {
    const path = request.driver.description.isolates ? PYTHON_PACKAGES : folder;
    installed.mounts.push({ source: folder, target: PYTHON_PACKAGES, access: 'read' });
    installed.env['PYTHONPATH'] = path;
    return;
  }
  const target = join(request.held.batch.spec.root, dirname(dependencies.files[0]?.path ?? ''), 'node_modules');
  installed.mounts.push({ source: folder, target, access: 'read' });
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
