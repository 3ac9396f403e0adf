import { createHash } from 'node:crypto';
import { z } from 'zod';

import { parseBody, reply, takeFault, type Call } from '../call.ts';
import type { Location } from '../catalogue/locations.ts';
import { isRetired, type ServerType } from '../catalogue/server-types.ts';
import type { Image } from '../catalogue/system-images.ts';
import { checkPrimaryIpLimit, createPrimaryIp } from '../create-primary-ip.ts';
import { ApiError, invalidInput, limitExceeded, notFound } from '../errors.ts';
import { reconcileFirewalls } from '../firewall-bindings.ts';
import { serverStep, startStep } from '../power.ts';
import { choosePrivateIp, findPrivateIp } from '../private-ips.ts';
import { removeServer } from '../remove-server.ts';
import { startActions, type Step } from '../start-actions.ts';
import {
  nextId,
  type Firewall,
  type Network,
  type PlacementGroup,
  type PrimaryIp,
  type Server,
  type SshKey,
} from '../state.ts';
import { toSecond } from '../times.ts';
import { renderAction } from './actions.ts';
import { getFirewall, MAX_FIREWALLS_PER_SERVER } from './firewalls.ts';
import { chooseImage } from './images.ts';
import { getNetwork } from './networks.ts';
import { getPlacementGroup, isFull } from './placement-groups.ts';
import { checkNameIsFree, idOrNameSchema, idSchema, labelsSchema } from './resource.ts';
import { choosePlace } from './server-placement.ts';
import { choosePublicNet, publicNetSchema, type PublicNet } from './server-public-net.ts';
import { getServerType } from './server-types.ts';
import { networkStep, renderServer } from './server.ts';

const MAX_USER_DATA_BYTES = 32 * 1024;

/** One label of RFC 1123 or several with dots between, 63 characters each. */
const HOSTNAME =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

export const serverNameSchema = z
  .string()
  .regex(HOSTNAME, 'must be a valid hostname as per RFC 1123');

const createSchema = z.object({
  name: serverNameSchema,
  server_type: idOrNameSchema,
  image: idOrNameSchema,
  location: idOrNameSchema.optional(),
  // Removed on 1 July 2026: better refused than taken for "any place".
  datacenter: z.undefined({ error: 'was removed, use location' }).optional(),
  start_after_create: z.boolean().default(true),
  placement_group: idSchema.optional(),
  ssh_keys: z.array(idOrNameSchema).default(() => []),
  volumes: z.array(idSchema).default(() => []),
  networks: z.array(idSchema).default(() => []),
  firewalls: z
    .array(z.object({ firewall: idSchema }))
    .max(MAX_FIREWALLS_PER_SERVER)
    .default(() => []),
  user_data: z.string().default(''),
  labels: labelsSchema,
  public_net: publicNetSchema.default(() => publicNetSchema.parse({})),
});
type Body = z.infer<typeof createSchema>;

/** Everything the body names, found and in order. */
interface Order {
  body: Body;
  type: ServerType;
  location: Location;
  image: Image;
  sshKeys: SshKey[];
  networks: Network[];
  firewalls: Firewall[];
  placementGroup: PlacementGroup | null;
  publicNet: PublicNet;
}

/** `POST /servers` */
export function createServer(call: Call) {
  const order = checkOrder(call, parseBody(call, createSchema));
  const server = addServer(call, order);
  const steps = [
    createStep(call, server),
    ...order.networks.map((network) => attachStep(call, server, network)),
    ...(order.body.start_after_create ? [startStep(call, server)] : []),
  ];
  const [action, ...nextActions] = startActions(call, steps).map((one) => renderAction(call, one));
  const vanishing = takeFault(call, 'server_vanishes');
  if (vanishing) {
    call.account.timeline.schedule(call.now + vanishing.afterMs, (at) => {
      if (call.project.servers.has(server.id)) removeServer(call, server, at);
    });
  }
  return reply(201, {
    server: renderServer(call, server),
    action,
    next_actions: nextActions,
    root_password: order.sshKeys.length > 0 ? null : makeRootPassword(server.id),
  });
}

/** Throws for whatever the real API refuses; what depends on the rest of the world comes last. */
function checkOrder(call: Call, body: Body): Order {
  const { project } = call;
  if (Buffer.byteLength(body.user_data) > MAX_USER_DATA_BYTES) {
    throw invalidInput('user_data', 'is too long (maximum is 32 KiB)');
  }
  if (body.volumes.length > 0) throw notFound('volume');
  const type = findOrderableType(call, body.server_type);
  const image = chooseImage(call, body.image, type.architecture);
  if (image.diskSizeGb > type.diskGb) {
    throw invalidInput('image', 'image disk is bigger than server type disk');
  }
  const named = {
    sshKeys: body.ssh_keys.map((key) => getNamedKey(call, key)),
    networks: body.networks.map((id) => getNetwork(call, id)),
    firewalls: body.firewalls.map(({ firewall }) => getFirewall(call, firewall)),
    placementGroup:
      body.placement_group === undefined ? null : getPlacementGroup(call, body.placement_group),
  };
  checkNameIsFree(project.servers, body.name, 'server name is already used');
  checkServerLimit(call);
  if (named.placementGroup && isFull(call, named.placementGroup)) {
    throw new ApiError('placement_error', 'error during placement');
  }
  const location = choosePlace(call, type, body.location);
  for (const network of named.networks) checkNetwork(call, network, location);
  const publicNet = choosePublicNet(call, location, body.public_net);
  const hasNoNet = !publicNet.ipv4 && !publicNet.ipv6 && named.networks.length === 0;
  if (hasNoNet) throw invalidInput('networks', 'a server without public IPs needs a network');
  if (publicNet.ipv4 === 'new') checkPrimaryIpLimit(call);
  return { body, type, location, image, publicNet, ...named };
}

function findOrderableType(call: Call, wanted: string | number): ServerType {
  const type = getServerType(wanted, call.now);
  if (isRetired(type.deprecation, call.now)) {
    throw new ApiError('invalid_input', `server type ${type.id} is deprecated`);
  }
  return type;
}

// The address is chosen when it is attached: here it is only about refusing in time.
function checkNetwork(call: Call, network: Network, location: Location): void {
  const ip = findPrivateIp(call.project, network, location);
  if (ip === undefined) throw invalidInput('networks', 'no subnet or IP available');
}

function getNamedKey(call: Call, wanted: string | number): SshKey {
  const key = [...call.project.sshKeys.values()].find(
    ({ id, name }) => name === wanted || String(id) === String(wanted),
  );
  if (!key) throw notFound('SSH key');
  return key;
}

function checkServerLimit(call: Call): void {
  const { account } = call;
  const count = account.projects.reduce((sum, { servers }) => sum + servers.size, 0);
  const isStruck = takeFault(call, 'limit_exceeded', ({ limit }) => limit === 'servers');
  if (isStruck || count >= account.limits.servers) {
    throw limitExceeded('server_limit', 'server limit exceeded');
  }
}

function addServer(call: Call, order: Order): Server {
  const { account, project } = call;
  const { body, type, location } = order;
  const server: Server = {
    ...{ id: nextId(account), name: body.name, labels: body.labels ?? {} },
    ...{ createdAt: toSecond(call.now), status: 'initializing', type, location },
    ...{ image: order.image, primaryDiskGb: type.diskGb, userData: body.user_data },
    ...{ ipv4Id: null, ipv6Id: null, privateNets: [], lockedUntil: 0, locks: new Set() },
    firewalls: new Map(order.firewalls.map(({ id }) => [id, 'pending'])),
    placementGroupId: order.placementGroup?.id ?? null,
    protection: { delete: false, rebuild: false },
    sshKeyIds: order.sshKeys.map(({ id }) => id),
    ...{ bootedAt: undefined, hasBootedBefore: false, powerCycle: 0 },
    boot: {
      extraMs: takeFault(call, 'slow_boot')?.extraMs ?? 0,
      isStuck: takeFault(call, 'stuck_boot') !== undefined,
    },
  };
  project.servers.set(server.id, server);
  account.stock.take(type.name, location.name);
  order.firewalls.forEach(({ serverIds }) => serverIds.add(server.id));
  billServer(call, server, server.createdAt);
  attachPublicNet(call, server, order.publicNet);
  return server;
}

/** At the price of today, for as long as it is there. */
export function billServer({ account, project }: Call, server: Server, startsAt: number): void {
  const price = server.type.prices.get(server.location.name);
  if (!price) throw new Error(`${server.type.name} has no price in ${server.location.name}`);
  account.billLines.push({
    ...{ kind: 'server', id: server.id, serverId: server.id, name: server.name, price },
    ...{ project: project.name, labels: server.labels, serverType: server.type.name },
    ...{ location: server.location.name, startsAt, endsAt: null },
  });
}

function attachPublicNet(call: Call, server: Server, { ipv4, ipv6 }: PublicNet): void {
  const attach = (type: 'ipv4' | 'ipv6', wanted: PrimaryIp | 'new'): number => {
    if (wanted === 'new') {
      const { location } = server;
      return createPrimaryIp(call, { type, location, server, isAutoDelete: true }).id;
    }
    wanted.serverId = server.id;
    return wanted.id;
  };
  const isIpv4Lost = ipv4 !== null && takeFault(call, 'no_ipv4') !== undefined;
  server.ipv4Id = ipv4 === null || isIpv4Lost ? null : attach('ipv4', ipv4);
  server.ipv6Id = ipv6 === null ? null : attach('ipv6', ipv6);
}

function createStep(call: Call, server: Server): Step {
  const { timings } = call.account;
  return serverStep(server, {
    command: 'create_server',
    durationMs: server.image.type === 'snapshot' ? timings.createFromSnapshotMs : timings.createMs,
    onSuccess: (at) => {
      server.status = 'off';
      server.firewalls.forEach((_, id) => server.firewalls.set(id, 'applied'));
      // Firewalls with a selector come after the creation, and lock the server once more.
      reconcileFirewalls(call, at);
    },
    onFailure: () => {
      server.status = 'off';
    },
  });
}

function attachStep(call: Call, server: Server, network: Network): Step {
  const ip = choosePrivateIp(call.project, network, { server });
  return networkStep(call, server, { network, ip, aliasIps: [] });
}

// No randomness in here: as good as any other for a server that nobody can log in to.
function makeRootPassword(id: number): string {
  return createHash('sha256').update(`root password of ${id}`).digest('base64url').slice(0, 20);
}
