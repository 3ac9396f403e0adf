import { createBubblewrapDriver } from './bubblewrap-driver.ts';
import { createDockerDriver, type DockerOptions } from './docker-driver.ts';
import type { SandboxDriver, SandboxDriverName } from './driver.ts';
import { createNamespacesDriver } from './namespaces-driver.ts';
import { createProcessDriver } from './process-driver.ts';
import { openSandboxHost, type SandboxHost, type SandboxHostOptions } from './sandbox-host.ts';

export interface SandboxOptions extends SandboxHostOptions {
  /** Without it there is no docker driver. */
  docker?: DockerOptions;
}

/** Builds a driver on a host its maker closes. Throws when the machine lacks what it needs. */
export function buildDriver(
  name: SandboxDriverName,
  host: SandboxHost,
  options: SandboxOptions,
): SandboxDriver {
  switch (name) {
    case 'bubblewrap':
      return createBubblewrapDriver(host);
    case 'namespaces':
      return createNamespacesDriver(host);
    case 'process':
      return createProcessDriver(host);
    case 'docker':
      if (options.docker === undefined)
        throw new Error('the worker was not told whose containers it makes');
      return createDockerDriver(options.docker, host.metadata);
  }
}

/** A driver with a host of its own; its `close` frees both. Which one to ask for: chooseDriver. */
export async function createDriver(
  name: SandboxDriverName,
  options: SandboxOptions = {},
): Promise<SandboxDriver> {
  const host = await openSandboxHost(options);
  try {
    const driver = buildDriver(name, host, options);
    return {
      ...driver,
      async close() {
        await driver.close();
        await host.close();
      },
    };
  } catch (error) {
    await host.close();
    throw error;
  }
}
