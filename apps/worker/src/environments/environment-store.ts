import { execFile } from 'node:child_process';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import type { Dependencies, LeaseRef } from '@nexus/grid/contract';
import { sha256OfFile } from '@nexus/kit/hash';
import { randomId } from '@nexus/kit/ids';
import type { SandboxDriver } from '@nexus/sandbox';
import {
  buildEnvironment,
  environmentKey,
  mountEnvironment,
  type BlobSource,
  type InstalledDependencies,
  type Interpreters,
  type ResolvedRuntime,
} from '@nexus/workspace';

import { downloadBlob, uploadFile } from '../blobs/blob-transfer.ts';
import type { BlobRef, GridClient } from '../grid/grid-client.ts';
import type { HeldLease } from '../leases/held-lease.ts';
import type { LogPump } from '../logs/log-pump.ts';

const run = promisify(execFile);

/** The user's own to mend: what the script needs cannot be had. */
export class DependencyError extends Error {
  override readonly name = 'DependencyError';
  /** Of the explanation that went to the log. */
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

interface Wanted {
  dependencies: Dependencies;
  key: string;
  folder: string;
}

/** Installed dependencies: made once per hash, in a sandbox, by one worker, and taken from it by all others. */
export class EnvironmentStore {
  readonly #options: EnvironmentStoreOptions;
  readonly #pending = new Map<string, Promise<string>>();

  constructor(options: EnvironmentStoreOptions) {
    this.#options = options;
  }

  async install(request: InstallRequest): Promise<InstalledDependencies> {
    const installed: InstalledDependencies = { mounts: [], env: {} };
    const { driver, held } = request;
    for (const dependencies of held.batch.spec.dependencies) {
      const folder = await this.#folderOf(request, dependencies);
      const one = mountEnvironment(dependencies, folder, { driver, spec: held.batch.spec });
      installed.mounts.push(...one.mounts);
      Object.assign(installed.env, one.env);
    }
    return installed;
  }

  /** One installation at a time for each key; whoever asks meanwhile waits for the same one. */
  async #folderOf(request: InstallRequest, dependencies: Dependencies): Promise<string> {
    const key = environmentKey(dependencies, request.runtime);
    // An account's packages are its own: what one installs, no other may come to run.
    const id = `${request.held.batch.accountId}-${key}`;
    let pending = this.#pending.get(id);
    if (!pending) {
      pending = this.#obtain(request, {
        dependencies,
        key,
        folder: join(this.#options.folder, id),
      });
      this.#pending.set(id, pending);
      pending.catch(() => undefined).finally(() => this.#pending.delete(id));
    }
    return pending;
  }

  async #obtain(request: InstallRequest, wanted: Wanted): Promise<string> {
    const { signal } = request.held.controller;
    while (!(await isFolder(wanted.folder))) {
      const claim = await this.#options.client.claimEnvironment(request.ref, wanted.key);
      if (claim.state === 'ready') await this.#download(request, wanted, claim);
      else if (claim.state === 'build') await this.#build(request, wanted);
      else await sleep(claim.retryMs, undefined, { signal });
    }
    return wanted.folder;
  }

  async #download(request: InstallRequest, wanted: Wanted, blob: BlobRef): Promise<void> {
    const work = await this.#workFolder('incoming');
    try {
      const archive = join(work, 'archive.tar');
      const installed = join(work, 'installed');
      await mkdir(installed);
      const { signal } = request.held.controller;
      await downloadBlob(this.#options.client, {
        lease: request.ref,
        blob,
        destination: archive,
        signal,
      });
      await run('tar', [
        '--extract',
        '--file',
        archive,
        '--directory',
        installed,
        '--no-same-owner',
      ]);
      await keep(installed, wanted.folder);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async #build(request: InstallRequest, wanted: Wanted): Promise<void> {
    const { client, interpreters, environment } = this.#options;
    const { driver, runtime, source, ref, held } = request;
    const work = await this.#workFolder('build');
    const { signal } = held.controller;
    try {
      const id = `${ref.executionId}-e${ref.epoch}-install`;
      const { dependencies } = wanted;
      const result = await buildEnvironment({
        id,
        dependencies,
        driver,
        runtime,
        interpreters,
        source,
        work,
        environment,
        signal,
      });
      if (!result.ok) {
        await request.pump.say(result.said);
        throw new DependencyError(result.reason, Buffer.byteLength(result.said));
      }
      await this.#publish(request, wanted, work);
      await keep(join(work, 'installed'), wanted.folder);
    } catch (error) {
      await client.publishEnvironment(ref, wanted.key, { state: 'failed' }).catch(() => undefined);
      throw error;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async #publish({ ref, held }: InstallRequest, wanted: Wanted, work: string): Promise<void> {
    const archive = join(work, 'archive.tar');
    await run('tar', ['--create', '--file', archive, '--directory', join(work, 'installed'), '.']);
    const blob = { sha256: await sha256OfFile(archive), sizeBytes: (await stat(archive)).size };
    await uploadFile(this.#options.client, {
      lease: ref,
      blob,
      path: archive,
      signal: held.controller.signal,
    });
    await this.#options.client.publishEnvironment(ref, wanted.key, { state: 'ready', ...blob });
  }

  async #workFolder(purpose: string): Promise<string> {
    const folder = join(this.#options.folder, `${purpose}-${randomId()}`);
    await mkdir(folder, { recursive: true, mode: 0o711 });
    return folder;
  }
}

/** Moves a finished environment to where it is looked for; one that came first stays. */
async function keep(installed: string, folder: string): Promise<void> {
  if (await isFolder(folder)) return;
  await mkdir(dirname(folder), { recursive: true });
  await rename(installed, folder);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
