import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Architecture } from '@nexus/grid';
import { WORKER_BUNDLES_FILE, workerBundlesSchema, type WorkerBundles } from '@nexus/grid/contract';
import { renderCloudInit, type BootBundle } from '@nexus/hetzner/cloud-init';
import { AppError, systemErrorCode } from '@nexus/kit/errors';

import type { UserDataRequest } from '../apply/make-servers.ts';
import type { Config } from '../config.ts';

/** How a server becomes a worker. */
export interface BootPlan {
  /** For which there is a worker to install, or an image that has one. */
  architectures: readonly Architecture[];
  /** What the server is given for its first start; the same for the same server, whenever it is asked. */
  renderUserData: (server: UserDataRequest) => string;
}

/** Throws an AppError that says what to do if no server could ever become a worker. */
export async function readBootPlan(
  config: Pick<Config, 'API_BASE' | 'HETZNER_IMAGE' | 'WORKER_BUNDLES'>,
): Promise<BootPlan> {
  const apiBase = config.API_BASE ?? '';
  const bundles = await readBundles(config.WORKER_BUNDLES);
  // A snapshot is named by its id, and has a worker in it for the architecture it was made on.
  const isSnapshot = /^\d+$/.test(config.HETZNER_IMAGE);
  const architectures = (['x86', 'arm'] as const).filter((name) => isSnapshot || bundles[name]);
  if (architectures.length === 0) {
    throw new AppError(
      'invalid_request',
      'there is no worker for servers to install: make one with `nexus worker-bundle --out FOLDER`, and name the folder in WORKER_BUNDLES here and for the control plane',
    );
  }
  return {
    architectures,
    renderUserData: ({ name, architecture, slots, joinToken }) =>
      renderCloudInit({
        ...{ apiBase, joinToken, slots },
        serverName: name,
        bundle: isSnapshot ? null : addressOf(apiBase, bundles[architecture]),
      }),
  };
}

function addressOf(apiBase: string, bundle: WorkerBundles['x86']): BootBundle | null {
  if (!bundle) return null;
  const url = new URL(`/worker-bundles/${bundle.file}`, apiBase).href;
  return { url, sha256: bundle.sha256 };
}

async function readBundles(folder: string | undefined): Promise<WorkerBundles> {
  if (folder === undefined) return {};
  try {
    const text = await readFile(join(folder, WORKER_BUNDLES_FILE), 'utf8');
    return workerBundlesSchema.parse(JSON.parse(text));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return {};
    throw error;
  }
}
