import { existsSync } from 'node:fs';
import { request } from 'node:http';
import type Docker from 'dockerode';

export interface DockerAddress {
  /** Default: DOCKER_HOST as the engine's own tools read it, else the usual socket. */
  socketPath?: string;
}

const USUAL_SOCKET = '/var/run/docker.sock';

/** The client takes 34 MB of memory, so it is loaded by whoever runs containers and not before. */
export async function connectDocker({ socketPath }: DockerAddress): Promise<Docker> {
  const { default: Client } = await import('dockerode');
  return new Client(socketPath === undefined ? {} : { socketPath });
}

/** The engine's socket on this machine, or undefined if DOCKER_HOST names another place. */
function findSocket({ socketPath }: DockerAddress): string | undefined {
  // eslint-disable-next-line node/no-process-env -- the engine's own convention, which its client follows too
  return socketPath ?? (process.env['DOCKER_HOST'] === undefined ? USUAL_SOCKET : undefined);
}

interface Reply {
  status: number;
  body: string;
}

function get(socketPath: string, path: string): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const call = request({ socketPath, path, host: 'docker' }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => (body += chunk));
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
  });
  call.on('error', reject);
  call.end();
  return promise;
}

/** Throws what keeps the engine from answering. */
export async function pingDocker(address: DockerAddress): Promise<void> {
  const socket = findSocket(address);
  if (socket === undefined) return void (await (await connectDocker(address)).ping());
  const { status, body } = await get(socket, '/_ping');
  if (status !== 200) throw new Error(body.trim() || `it answered with status ${status}`);
}

/** Ids of all containers with a label, running or not. */
export async function listContainerIds(address: DockerAddress, label: string): Promise<string[]> {
  const filters = { label: [label] };
  const socket = findSocket(address);
  if (socket === undefined) {
    const found = await (await connectDocker(address)).listContainers({ all: true, filters });
    return found.map(({ Id }) => Id);
  }
  if (!existsSync(socket)) return [];
  const query = `?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`;
  const { status, body } = await get(socket, `/containers/json${query}`);
  if (status !== 200) throw new Error(`could not list containers: ${body.trim()}`);
  const found: unknown = JSON.parse(body);
  return Array.isArray(found) ? found.map(idOf) : [];
}

function idOf(row: unknown): string {
  if (typeof row === 'object' && row !== null && 'Id' in row && typeof row.Id === 'string')
    return row.Id;
  throw new Error('could not list containers: one has no id');
}
