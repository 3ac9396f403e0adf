import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { z } from 'zod';

import { configSchema } from '@nexus/autoscaler/config';
import { createHetznerClient, HetznerError } from '@nexus/hetzner';
import { renderImageCloudInit, type BootBundle } from '@nexus/hetzner/cloud-init';
import { parseConfig } from '@nexus/kit/config';

import { readBundles } from '../bundle/bundle-list.ts';
import { readEnvFile } from '../daemon/env-file.ts';
import { Problem } from '../problem.ts';
import { buildImage } from './build-image.ts';
import { describeSteps } from './steps.ts';

interface BuildOptions {
  arch: 'x64' | 'arm64';
  base: string;
  envFile?: string;
  print?: boolean;
}

const { shape } = configSchema;

/** What of the daemon's configuration an image needs. */
const imageConfigSchema = z.object({
  HETZNER_API_TOKEN: shape.HETZNER_API_TOKEN,
  HETZNER_ENDPOINT: shape.HETZNER_ENDPOINT,
  HETZNER_SSH_KEY_PATH: shape.HETZNER_SSH_KEY_PATH,
  HETZNER_SERVER_TYPES: shape.HETZNER_SERVER_TYPES,
  HETZNER_LOCATIONS: shape.HETZNER_LOCATIONS,
  GRID_NAME: shape.GRID_NAME,
  API_BASE: shape.API_BASE,
  WORKER_BUNDLES: shape.WORKER_BUNDLES,
});

type ImageConfig = z.infer<typeof imageConfigSchema>;

/** `nexus image build`: a snapshot with the worker in it, from which servers start sooner. */
export function addImageCommand(program: Command, environment: NodeJS.ProcessEnv): void {
  program
    .command('image')
    .description('images that have the worker in them')
    .command('build')
    .description('make a snapshot for HETZNER_IMAGE; without a token, say how')
    .addOption(
      new Option('--arch <arch>', 'of the servers').choices(['x64', 'arm64']).default('x64'),
    )
    .option('--base <image>', 'system image to begin with', 'debian-13')
    .option('--env-file <file>', 'read variables from this file, as the daemon does')
    .option('--print', "print the user data of the image's server, and do nothing")
    .action((options: BuildOptions) => build(options, environment));
}

async function build(options: BuildOptions, environment: NodeJS.ProcessEnv): Promise<void> {
  const fromFile = options.envFile === undefined ? {} : await readEnvFile(options.envFile);
  const config = parseConfig(imageConfigSchema, { ...fromFile, ...environment });
  const architecture = options.arch === 'x64' ? 'x86' : 'arm';
  if (options.print) {
    const bundle = await findBundle(config, options);
    process.stdout.write(renderImageCloudInit({ bundle }));
    return;
  }
  const { HETZNER_API_TOKEN: token, HETZNER_SSH_KEY_PATH: sshKeyPath } = config;
  if (!token) {
    const [location = 'fsn1'] = config.HETZNER_LOCATIONS;
    const serverType = architecture === 'x86' ? 'cx23' : 'cax11';
    const sshKeyName = `rgrid-${config.GRID_NAME}`;
    const order = { serverType, location, baseImage: options.base, architecture, sshKeyName };
    process.stdout.write(describeSteps(order));
    return;
  }
  if (sshKeyPath === undefined) throw new Problem('HETZNER_SSH_KEY_PATH is needed');
  const bundle = await findBundle(config, options);
  const endpoint = config.HETZNER_ENDPOINT;
  const client = createHetznerClient({ token, ...(endpoint === undefined ? {} : { endpoint }) });
  const image = await buildImage(
    {
      ...{ architecture, bundle, sshKeyPath, baseImage: options.base },
      serverTypes: config.HETZNER_SERVER_TYPES,
      locations: config.HETZNER_LOCATIONS,
      gridName: config.GRID_NAME,
    },
    {
      client,
      sleep,
      signal: interrupted(),
      onStep: (text) => process.stderr.write(`nexus: ${text}\n`),
    },
  ).catch(explain);
  process.stdout.write(`${image.id}\n`);
  process.stderr.write(
    `nexus: set HETZNER_IMAGE=${image.id}, and HETZNER_SERVER_TYPES to types of architecture ${architecture} alone\n`,
  );
}

async function findBundle(
  { WORKER_BUNDLES: folder, API_BASE: apiBase }: ImageConfig,
  { arch }: BuildOptions,
): Promise<BootBundle> {
  if (folder === undefined || apiBase === undefined)
    throw new Problem('WORKER_BUNDLES and API_BASE are needed: the server gets its worker there');
  const bundles = await readBundles(folder);
  const bundle = arch === 'x64' ? bundles.x86 : bundles.arm;
  if (!bundle)
    throw new Problem(
      `${folder} has no worker for ${arch}: nexus worker-bundle --arch ${arch} --out ${folder}`,
    );
  const url = new URL(`/worker-bundles/${bundle.file}`, apiBase).href;
  return { url, sha256: bundle.sha256 };
}

function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => controller.abort(new Problem('interrupted')));
  }
  return controller.signal;
}

function explain(error: unknown): never {
  if (error instanceof HetznerError) throw new Problem(error.message, { cause: error });
  throw error;
}
