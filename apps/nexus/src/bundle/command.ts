import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';

import type { NodeArch } from './build-bundle.ts';

interface BundleOptions {
  arch: NodeArch;
  out: string;
}

/** `nexus worker-bundle`: the worker as a file, for servers that the daemon makes. */
export function addWorkerBundleCommand(program: Command, environment: NodeJS.ProcessEnv): void {
  program
    .command('worker-bundle')
    .description('put the worker and Node into one file, for servers of the grid')
    .addOption(
      new Option('--arch <arch>', 'of the servers')
        .choices(['x64', 'arm64'])
        .default(process.arch === 'arm64' ? 'arm64' : 'x64'),
    )
    .option(
      '--out <folder>',
      'where to put it, beside worker-bundles.json',
      environment['WORKER_BUNDLES'] || 'worker-bundles',
    )
    .action(async ({ arch, out }: BundleOptions) => {
      // A bundler takes its time to load, and no other command needs it.
      const { buildWorkerBundle } = await import('./build-bundle.ts');
      const folder = resolve(out);
      const { file, sha256 } = await buildWorkerBundle({ arch, folder });
      process.stdout.write(`${sha256}  ${join(folder, file)}\n`);
    });
}
