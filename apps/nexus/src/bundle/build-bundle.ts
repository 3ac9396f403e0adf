import { chmod, copyFile, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import type { WorkerBundle } from '@nexus/grid/contract';
import { sha256OfFile } from '@nexus/kit/hash';

import { bundleWorkerCode } from './bundle-code.ts';
import { listBundle } from './bundle-list.ts';
import { fetchPackage } from './fetch-package.ts';
import { packFolder } from './pack-folder.ts';

/** As Node calls them. */
export type NodeArch = 'x64' | 'arm64';

const CLOUD_ARCHITECTURES = { x64: 'x86', arm64: 'arm' } as const;

/** Installs what a script's package.json asks for. */
const NPM_VERSION = '11.19.1';

/**
 * The worker, Node and npm in one file, for servers of one architecture:
 *
 *     worker/main.js    the worker and what it imports
 *     node/bin/         node, npm, npx; scripts run with these too
 */
export async function buildWorkerBundle(options: {
  arch: NodeArch;
  /** Is made if it is not there. */
  folder: string;
}): Promise<WorkerBundle> {
  const { arch, folder } = options;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, '.new-'));
  try {
    const contents = join(work, 'contents');
    await bundleWorkerCode(join(contents, 'worker'));
    await placeNode(arch, join(contents, 'node'), work);
    await placeNpm(join(contents, 'node'));
    const archive = join(work, 'archive');
    await packFolder(contents, archive);
    const sha256 = await sha256OfFile(archive);
    const file = `rgrid-worker-${arch}-${sha256.slice(0, 16)}.tar.gz`;
    await rename(archive, join(folder, file));
    const bundle = { file, sha256, nodeVersion: process.version };
    await listBundle(folder, CLOUD_ARCHITECTURES[arch], bundle);
    return bundle;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The Node that runs this; that of another machine comes from where npm gets ours. */
async function placeNode(arch: NodeArch, node: string, work: string): Promise<void> {
  const program = join(node, 'bin', 'node');
  await mkdir(join(node, 'bin'), { recursive: true });
  if (process.platform === 'linux' && process.arch === arch) {
    await copyFile(process.execPath, program);
  } else {
    const unpacked = join(work, 'node');
    await mkdir(unpacked);
    await fetchPackage(`node-linux-${arch}@${process.version.slice(1)}`, unpacked);
    await rename(join(unpacked, 'bin', 'node'), program);
  }
  await chmod(program, 0o755);
}

async function placeNpm(node: string): Promise<void> {
  const folder = join(node, 'lib', 'node_modules', 'npm');
  await mkdir(folder, { recursive: true });
  await fetchPackage(`npm@${NPM_VERSION}`, folder);
  for (const name of ['npm', 'npx']) {
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(node, 'bin', name));
  }
}
