import {
  hasCode,
  hasLabels,
  type Action,
  type HetznerClient,
  type Image,
  type Labels,
  type Server,
} from '@nexus/hetzner';
import { renderImageCloudInit, type BootBundle } from '@nexus/hetzner/cloud-init';
import { ensureFirewall } from '@nexus/hetzner/firewall';
import { ensureSshKey } from '@nexus/hetzner/ssh-keys';

import { Problem } from '../problem.ts';

export interface ImageOrder {
  architecture: 'x86' | 'arm';
  /** The preferred first; those of another architecture are passed over. */
  serverTypes: readonly string[];
  locations: readonly string[];
  /** Name of a system image. */
  baseImage: string;
  bundle: BootBundle;
  gridName: string;
  sshKeyPath: string;
}

export interface BuildDeps {
  client: HetznerClient;
  /** Told what is being done, for people. */
  onStep: (text: string) => void;
  sleep: (delayMs: number) => Promise<unknown>;
  /** Ends the build; the server is deleted all the same. */
  signal: AbortSignal;
}

const POLL_MS = 5000;
/** A quarter of an hour: packages take one minute, and mirrors have bad days. */
const MAX_POLLS = 180;
const MAX_DELETES = 60;

/** Without the label of a grid: no daemon takes it for one of its servers. */
const SERVER_LABELS: Labels = { 'managed-by': 'rgrid', 'rgrid-role': 'image-build' };

/**
 * A snapshot of a server that has all a worker needs, and is nobody yet. The server is deleted in
 * the end, however the build went; one that an earlier build was killed over is deleted first.
 */
export async function buildImage(order: ImageOrder, deps: BuildDeps): Promise<Image> {
  const name = `rgrid-image-${order.architecture}`;
  await deleteOurs(name, deps);
  try {
    deps.onStep('creating a server');
    const { server, actions } = await createServer(name, order, deps);
    await waitForActions(actions, deps);
    deps.onStep(`installing on ${server.serverType} in ${server.location}`);
    await waitUntilOff(server, deps);
    deps.onStep('taking the snapshot');
    return await takeSnapshot(server, order, deps);
  } finally {
    // By its name: the reply to its creation may have been lost.
    await deleteOurs(name, deps);
  }
}

async function createServer(name: string, order: ImageOrder, { client, signal }: BuildDeps) {
  const key = await ensureSshKey(client, {
    path: order.sshKeyPath,
    name: `rgrid-${order.gridName}`,
  });
  // Nothing comes in: the server does all by itself.
  const labels = { 'managed-by': 'rgrid' };
  const firewall = await ensureFirewall(client, { name: 'rgrid-image', rules: [], labels });
  const types = await client.serverTypes.list({ signal });
  const fitting = order.serverTypes.filter((wanted) =>
    types.some((type) => type.name === wanted && type.architecture === order.architecture),
  );
  const cells = fitting.flatMap((serverType) =>
    order.locations.map((location) => ({ serverType, location })),
  );
  for (const cell of cells) {
    const request = {
      ...{ ...cell, name, image: order.baseImage, labels: SERVER_LABELS },
      ...{ sshKeys: [key.id], firewalls: [firewall.id] },
      userData: renderImageCloudInit({ bundle: order.bundle }),
    };
    const result = await client.servers.create(request, { signal });
    if (result.kind !== 'refused') return result;
    const isElsewhere = result.reason === 'sold_out' || result.reason === 'not_offered';
    if (!isElsewhere) throw new Problem(result.error.message, { cause: result.error });
  }
  throw new Problem(
    `no server of ${order.serverTypes.join(', ')} with architecture ${order.architecture} can be had in ${order.locations.join(', ')} now`,
  );
}

async function waitForActions(
  actions: readonly Action[],
  { client, signal }: BuildDeps,
): Promise<void> {
  const result = await client.actions.wait(actions, { signal });
  if (result.kind !== 'succeeded') throw new Problem('the cloud could not make the server');
}

/** It powers itself off when all is well; `off` before that is a step of its creation, and over. */
async function waitUntilOff({ id }: Server, deps: BuildDeps): Promise<void> {
  for (let polls = 0; polls < MAX_POLLS; polls += 1) {
    deps.signal.throwIfAborted();
    const { status } = await deps.client.servers.get(id, { signal: deps.signal });
    if (status === 'off') return;
    await deps.sleep(POLL_MS);
  }
  throw new Problem(
    'the server did not finish: it could not install its packages, or not download the worker from API_BASE',
  );
}

async function takeSnapshot(
  { id }: Server,
  { architecture, bundle, gridName }: ImageOrder,
  { client, signal }: BuildDeps,
): Promise<Image> {
  const description = `RGrid worker ${bundle.sha256.slice(0, 16)} for ${architecture}`;
  const labels = {
    'managed-by': 'rgrid',
    'rgrid-grid': gridName,
    'rgrid-image': 'worker',
    // A label has 63 characters at most.
    'rgrid-bundle': bundle.sha256.slice(0, 32),
  };
  const { image, action } = await client.servers.createImage(
    id,
    { description, labels },
    { signal },
  );
  const result = await client.actions.wait([action], { signal });
  if (result.kind !== 'succeeded') throw new Problem('the cloud could not take the snapshot');
  return image;
}

/** Until the cloud does not know it any more: until then it bills. */
async function deleteOurs(name: string, { client, onStep, sleep }: BuildDeps): Promise<void> {
  const server = await client.servers.findByName(name);
  if (!server || !hasLabels(server.labels, SERVER_LABELS)) return;
  onStep('deleting the server');
  for (let tries = 0; tries < MAX_DELETES; tries += 1) {
    try {
      const { kind } = await client.servers.delete(server.id);
      if (kind === 'gone') return;
    } catch (error) {
      // A snapshot that is still being written holds it.
      if (!hasCode(error, 'locked', 'conflict')) throw error;
    }
    await sleep(POLL_MS);
  }
  throw new Problem(
    `server ${name} (ID: ${server.id}) could not be deleted, and bills: delete it in the console`,
  );
}
