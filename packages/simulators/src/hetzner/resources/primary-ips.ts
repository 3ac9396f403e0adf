import { z } from 'zod';

import { idOf, parseBody, reply, route, type Call, type Route } from '../call.ts';
import { checkPrimaryIpLimit, createPrimaryIp } from '../create-primary-ip.ts';
import { ApiError, invalidInput, notFound } from '../errors.ts';
import { BY_CREATION, filterByQuery, filterByValues, listReply } from '../listing.ts';
import { removePrimaryIp } from '../remove-server.ts';
import { startAction, type Step } from '../start-actions.ts';
import type { PrimaryIp, Server } from '../state.ts';
import { renderTime } from '../times.ts';
import { actionRoutesOf, renderAction } from './actions.ts';
import { getLocation, renderLocation } from './locations.ts';
import {
  checkNameIsFree,
  idOrNameSchema,
  idSchema,
  labelsSchema,
  nameSchema,
  updateResource,
} from './resource.ts';

const createSchema = z.object({
  name: nameSchema,
  type: z.enum(['ipv4', 'ipv6']),
  labels: labelsSchema,
  location: idOrNameSchema.optional(),
  assignee_type: z.enum(['server', 'unassigned']).optional(),
  assignee_id: idSchema.nullish(),
  auto_delete: z.boolean().default(false),
});

function renderPrimaryIp(ip: PrimaryIp) {
  return {
    id: ip.id,
    name: ip.name,
    labels: ip.labels,
    created: renderTime(ip.createdAt),
    type: ip.type,
    ip: ip.ip,
    blocked: false,
    location: renderLocation(ip.location),
    dns_ptr: ip.type === 'ipv4' ? [{ ip: ip.ip, dns_ptr: reverseName(ip) }] : [],
    protection: { delete: ip.isDeleteProtected },
    auto_delete: ip.isAutoDelete,
    // Since 1 August 2026; before, it was `server` even without one.
    assignee_type: ip.serverId === null ? 'unassigned' : 'server',
    assignee_id: ip.serverId,
  };
}

export function reverseName(ip: PrimaryIp): string {
  return `static.${ip.ip.split('.').reverse().join('.')}.clients.your-server.de`;
}

export const primaryIpRoutes: readonly Route[] = [
  route('GET', '/primary_ips', (call) => {
    const ips = filterByQuery(call, call.project.primaryIps.values());
    return listReply(call, {
      key: 'primary_ips',
      items: filterByValues(ips, call.query.getAll('ip'), ({ ip }) => ip),
      render: renderPrimaryIp,
      sortBy: BY_CREATION,
    });
  }),
  route('POST', '/primary_ips', createIp),
  ...actionRoutesOf('primary_ips', 'primary_ip', getPrimaryIp),
  route('GET', '/primary_ips/{id}', (call) =>
    reply(200, { primary_ip: renderPrimaryIp(getPrimaryIp(call)) }),
  ),
  route('PUT', '/primary_ips/{id}', (call) => {
    const ip = getPrimaryIp(call);
    const wanted = parseBody(call, z.object({ auto_delete: z.boolean().optional() }));
    updateResource(call, ip, call.project.primaryIps);
    ip.isAutoDelete = wanted.auto_delete ?? ip.isAutoDelete;
    return reply(200, { primary_ip: renderPrimaryIp(ip) });
  }),
  route('DELETE', '/primary_ips/{id}', (call) => {
    const ip = getPrimaryIp(call);
    if (ip.isDeleteProtected) throw new ApiError('protected', 'primary IP is delete protected');
    // Since 1 May 2026; before, it was unassigned on the way.
    if (ip.serverId !== null) {
      throw new ApiError('must_be_unassigned', 'primary IP must be unassigned first');
    }
    removePrimaryIp(call, ip, call.now);
    return reply(204);
  }),
  route('POST', '/primary_ips/{id}/actions/assign', assign),
  route('POST', '/primary_ips/{id}/actions/unassign', unassign),
  route('POST', '/primary_ips/{id}/actions/change_protection', (call) => {
    const ip = getPrimaryIp(call);
    const wanted = parseBody(call, z.object({ delete: z.boolean() }));
    return changeIp(call, ip, {
      command: 'change_protection',
      onSuccess: () => {
        ip.isDeleteProtected = wanted.delete;
      },
    });
  }),
];

function getPrimaryIp(call: Call): PrimaryIp {
  const ip = call.project.primaryIps.get(idOf(call));
  if (!ip) throw notFound('primary IP');
  return ip;
}

function createIp(call: Call) {
  const { project } = call;
  const wanted = parseBody(call, createSchema);
  checkNameIsFree(project.primaryIps, wanted.name);
  const server = wanted.assignee_id == null ? null : getAssignee(call, wanted.assignee_id);
  if (!server && wanted.location === undefined) throw invalidInput('location', 'is required');
  if (server) checkAssignee(server, wanted.type);
  if (wanted.type === 'ipv4') checkPrimaryIpLimit(call);
  const ip = createPrimaryIp(call, {
    ...{ type: wanted.type, name: wanted.name, server, isAutoDelete: wanted.auto_delete },
    labels: wanted.labels ?? {},
    location: server?.location ?? getLocation(wanted.location ?? ''),
  });
  if (!server) return reply(201, { primary_ip: renderPrimaryIp(ip) });
  attach(server, ip);
  const action = startAction(call, stepOf(call, ip, { command: 'assign_primary_ip' }));
  return reply(201, { primary_ip: renderPrimaryIp(ip), action: renderAction(call, action) });
}

function assign(call: Call) {
  const ip = getPrimaryIp(call);
  const wanted = parseBody(call, z.object({ assignee_id: idSchema }));
  if (ip.serverId !== null) {
    throw new ApiError('primary_ip_already_assigned', 'primary IP is already assigned');
  }
  const server = getAssignee(call, wanted.assignee_id);
  checkAssignee(server, ip.type);
  if (server.location.id !== ip.location.id) {
    throw invalidInput('assignee_id', 'server is in a different location');
  }
  attach(server, ip);
  return changeIp(call, ip, { command: 'assign_primary_ip' });
}

function unassign(call: Call) {
  const ip = getPrimaryIp(call);
  const server = ip.serverId === null ? undefined : call.project.servers.get(ip.serverId);
  if (server) {
    checkIsOff(server);
    if (ip.type === 'ipv4') server.ipv4Id = null;
    else server.ipv6Id = null;
  }
  ip.serverId = null;
  return changeIp(call, ip, { command: 'unassign_primary_ip' });
}

function attach(server: Server, ip: PrimaryIp): void {
  ip.serverId = server.id;
  if (ip.type === 'ipv4') server.ipv4Id = ip.id;
  else server.ipv6Id = ip.id;
}

function getAssignee(call: Call, id: number): Server {
  const server = call.project.servers.get(id);
  if (!server) throw notFound('server');
  return server;
}

function checkAssignee(server: Server, type: 'ipv4' | 'ipv6'): void {
  checkIsOff(server);
  const held = type === 'ipv4' ? server.ipv4Id : server.ipv6Id;
  if (held !== null) throw new ApiError(`server_has_${type}`, `server already has an ${type}`);
}

function checkIsOff(server: Server): void {
  if (server.status !== 'off') {
    throw new ApiError('server_not_stopped', 'server must be powered off');
  }
}

function changeIp(call: Call, ip: PrimaryIp, change: Change) {
  const action = startAction(call, stepOf(call, ip, change));
  return reply(201, { action: renderAction(call, action) });
}

type Change = Pick<Step, 'command' | 'onSuccess'>;

function stepOf(call: Call, ip: PrimaryIp, change: Change): Step {
  return {
    ...change,
    resources: [{ id: ip.id, type: 'primary_ip' }],
    durationMs: call.account.timings.changeMs,
  };
}
