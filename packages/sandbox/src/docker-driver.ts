import { createReadStream } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { containerOptions, OWNER_LABEL } from './docker-container.ts';
import {
  connectDocker,
  listContainerIds,
  pingDocker,
  type DockerAddress,
} from './docker-engine.ts';
import { splitDockerOutput } from './docker-output.ts';
import type {
  RunningSandbox,
  SandboxDescription,
  SandboxDriver,
  SandboxSpec,
  SandboxStdin,
} from './driver.ts';
import { startChecked } from './start-checked.ts';
import { notStarted } from './not-started.ts';
import type { MetadataBlock } from './metadata-block.ts';
import type { ProcessTree } from './process-tree.ts';
import { supervise, type Launched } from './supervise.ts';

export interface DockerOptions extends DockerAddress {
  /** Stable over the worker's restarts: `sweepContainers` removes what an earlier life left. */
  owner: string;
  /** For executions that name no image. */
  defaultImage?: string;
  /** Whether an image that is not here may be fetched. */
  mayPull?: boolean;
  /** The engine's network for executions that ask for one. Default: `bridge`. */
  network?: string;
}

/** dockerode throws errors with the engine's HTTP status and its sentence. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

function sentenceOf(error: unknown): string {
  if (
    error instanceof Error &&
    'json' in error &&
    typeof error.json === 'object' &&
    error.json !== null
  ) {
    if ('message' in error.json && typeof error.json.message === 'string')
      return error.json.message;
  }
  return error instanceof Error ? error.message : String(error);
}

async function pull(docker: Docker, image: string): Promise<void> {
  const progress: NodeJS.ReadableStream = await docker.pull(image);
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function ensureImage(
  docker: Docker,
  image: string,
  mayPull: boolean,
): Promise<string | null> {
  try {
    await docker.getImage(image).inspect();
    return null;
  } catch (error) {
    if (statusOf(error) !== 404)
      return `could not ask Docker about the image ${image}: ${sentenceOf(error)}`;
  }
  if (!mayPull) return `the image ${image} is not on this machine and may not be pulled`;
  return pull(docker, image).then(
    () => null,
    (error: unknown) => `could not pull the image ${image}: ${sentenceOf(error)}`,
  );
}

function feed(stdin: SandboxStdin, socket: Duplex): void {
  if (stdin.kind === 'empty') return;
  const source = stdin.kind === 'file' ? createReadStream(stdin.path) : stdin.stream;
  // A script may end without reading its input.
  void pipeline(source, socket).catch(() => undefined);
}

function treeOf(container: Docker.Container): ProcessTree {
  const signal = async (name: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    await container.kill({ signal: name });
  };
  return {
    // The engine's init hands it to the script, whose children get it only from the script.
    terminate: () => signal('SIGTERM'),
    kill: () => signal('SIGKILL'),
    finish: () => Promise.resolve(),
    measure: () => Promise.resolve([]),
  };
}

async function waitForContainer(container: Docker.Container): Promise<number> {
  const answer: unknown = await container.wait();
  const hasCode = typeof answer === 'object' && answer !== null && 'StatusCode' in answer;
  return hasCode ? Number(answer.StatusCode) : 255;
}

async function countOomKills(container: Docker.Container): Promise<number> {
  return container.inspect().then(
    (info) => (info.State.OOMKilled ? 1 : 0),
    () => 0,
  );
}

async function removeContainer(container: Docker.Container): Promise<void> {
  await container.remove({ force: true, v: true }).catch(() => undefined);
}

interface DockerParts {
  docker: Docker;
  options: DockerOptions;
  metadata: MetadataBlock;
}

async function attach(container: Docker.Container, spec: SandboxSpec): Promise<Duplex> {
  const socket = await container.attach({
    stream: true,
    hijack: true,
    stdin: spec.stdin.kind !== 'empty',
    stdout: true,
    stderr: true,
  });
  // dockerode types the hijacked connection as a read-write stream; it is a socket.
  return socket as Duplex;
}

/** Starts and waits; an engine that refuses or goes away is told like a launcher that failed. */
function followContainer(
  container: Docker.Container,
  socket: Duplex,
): Pick<Launched, 'exited' | 'report'> {
  let fault: string | null = null;
  const exited = container
    .start()
    .then(() => waitForContainer(container))
    .catch((error: unknown) => {
      fault = sentenceOf(error);
      // The engine would keep the connection open for ever.
      socket.destroy();
      return 255;
    });
  return { exited, report: () => Promise.resolve({ isReady: fault === null, error: fault ?? '' }) };
}

async function runContainer(
  container: Docker.Container,
  spec: SandboxSpec,
): Promise<RunningSandbox> {
  // Attached before the start, so that no first line is missed, and supervised before it, so that
  // what the disk held is measured before the script writes.
  const startedAtMs = Date.now();
  const socket = await attach(container, spec);
  const output = splitDockerOutput(socket);
  feed(spec.stdin, socket);
  return supervise({
    spec,
    startedAtMs,
    tree: treeOf(container),
    ...output,
    ...followContainer(container, socket),
    usage: async () => ({
      cpuMs: null,
      maxMemoryBytes: null,
      oomKills: await countOomKills(container),
    }),
    release: () => removeContainer(container),
  });
}

/** The interface through which a network's containers reach this machine. */
async function findBridge(docker: Docker, network: string): Promise<string> {
  const info = await docker.getNetwork(network).inspect();
  return info.Options?.['com.docker.network.bridge.name'] ?? `br-${info.Id.slice(0, 12)}`;
}

async function start(
  { docker, options, metadata }: DockerParts,
  spec: SandboxSpec,
): Promise<RunningSandbox> {
  const image = spec.image ?? options.defaultImage;
  if (image === undefined) return notStarted('the driver docker needs an image and none was named');
  if (spec.stdin.kind === 'file') await access(spec.stdin.path, constants.R_OK);
  const fault = await ensureImage(docker, image, options.mayPull ?? false);
  if (fault !== null) return notStarted(fault);
  const network = options.network ?? 'bridge';
  if (spec.network) await metadata.block({ bridge: await findBridge(docker, network) });
  const container = await docker.createContainer(
    containerOptions({ spec, image, network, owner: options.owner }),
  );
  try {
    return await runContainer(container, spec);
  } catch (error) {
    await removeContainer(container);
    throw error;
  }
}

function describe(metadata: MetadataBlock): SandboxDescription {
  const gaps = ['CPU time and the highest memory use are not counted.'];
  if (!metadata.canBlock)
    gaps.push(
      'With network, the metadata service stays reachable: blocking it needs root and the tool ip.',
    );
  return { isolates: true, limits: 'docker', gaps };
}

export function createDockerDriver(options: DockerOptions, metadata: MetadataBlock): SandboxDriver {
  let connected: Promise<Docker> | undefined;
  async function startInContainer(spec: SandboxSpec): Promise<RunningSandbox> {
    connected ??= connectDocker(options);
    return start({ docker: await connected, options, metadata }, spec);
  }
  return {
    name: 'docker',
    description: describe(metadata),
    start: (wanted) =>
      startChecked(wanted, (spec) =>
        startInContainer(spec).catch((error: unknown) => notStarted(sentenceOf(error))),
      ),
    close: () => Promise.resolve(),
  };
}

/** Whether the engine answers; running something in it needs an image, which there may not be. */
export async function findDockerFault(options: DockerOptions): Promise<string | null> {
  try {
    await pingDocker(options);
    return null;
  } catch (error) {
    return `the Docker engine does not answer: ${sentenceOf(error)}`;
  }
}

/** Removes containers a worker of this name left behind, running or not. Answers how many. */
export async function sweepContainers(owner: string, options: DockerAddress = {}): Promise<number> {
  const ids = await listContainerIds(options, `${OWNER_LABEL}=${owner}`);
  if (ids.length === 0) return 0;
  const docker = await connectDocker(options);
  await Promise.all(ids.map((id) => removeContainer(docker.getContainer(id))));
  return ids.length;
}
