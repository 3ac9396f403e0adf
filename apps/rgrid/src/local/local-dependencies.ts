import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { BatchSpec } from '@nexus/grid/contract';
import { randomId } from '@nexus/kit/ids';
import {
  buildEnvironment,
  environmentKey,
  mountEnvironment,
  type BlobSource,
  type InstalledDependencies,
  type ResolvedRuntime,
  packageManagerSettings,
} from '@nexus/workspace';

import type { Environment } from '../environment.ts';
import type { LocalMachine } from './local-machine.ts';

export interface LocalDependenciesOptions {
  machine: LocalMachine;
  source: BlobSource;
  spec: BatchSpec;
  env: Environment;
  /** Where installed sets are kept for later runs. */
  cache: string;
  signal: AbortSignal;
}

/** The dependencies cannot be installed, which is the script's owner's to mend. */
export class DependencyProblem extends Error {
  readonly said: string;

  constructor(message: string, said: string) {
    super(message);
    this.said = said;
  }
}

/** Installs as a worker does, once per hash; executions of a batch wait for the same installation. */
export class LocalDependencies {
  readonly #options: LocalDependenciesOptions;
  readonly #pending = new Map<string, Promise<string>>();

  constructor(options: LocalDependenciesOptions) {
    this.#options = options;
  }

  async install(runtime: ResolvedRuntime): Promise<InstalledDependencies> {
    const { spec, machine } = this.#options;
    const installed: InstalledDependencies = { mounts: [], env: {} };
    for (const dependencies of spec.dependencies) {
      const key = environmentKey(dependencies, runtime);
      const pending = this.#pending.get(key) ?? this.#obtain({ dependencies, runtime, key });
      this.#pending.set(key, pending);
      const one = mountEnvironment(dependencies, await pending, { driver: machine.driver, spec });
      installed.mounts.push(...one.mounts);
      Object.assign(installed.env, one.env);
    }
    return installed;
  }

  async #obtain(wanted: Wanted): Promise<string> {
    const { machine, source, cache, env, signal } = this.#options;
    const folder = join(cache, wanted.key);
    if (existsSync(folder)) return folder;
    const id = randomId();
    const work = join(cache, `build-${id}`);
    await mkdir(work, { recursive: true, mode: 0o711 });
    try {
      const { dependencies, runtime } = wanted;
      const { interpreters, driver } = machine;
      const environment = packageManagerSettings(env);
      const request = {
        id: `local-${id}-install`,
        dependencies,
        runtime,
        interpreters,
        driver,
        source,
        work,
        environment,
        signal,
      };
      const result = await buildEnvironment(request);
      if (!result.ok) throw new DependencyProblem(result.reason, result.said);
      // Another command may have been faster; then its folder stays.
      await rename(join(work, 'installed'), folder).catch((error: unknown) => {
        if (!existsSync(folder)) throw error;
      });
      return folder;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
}

interface Wanted {
  dependencies: BatchSpec['dependencies'][number];
  runtime: ResolvedRuntime;
  key: string;
}
