import { z } from 'zod';

import { idOf, parseBody, reply, route, type Call, type Reply, type Route } from '../call.ts';
import { isRetired } from '../catalogue/server-types.ts';
import { ApiError, notFound } from '../errors.ts';
import {
  restartStep,
  serverStep,
  shutdownStep,
  startStep,
  stopStep,
  cutPower,
  powerUp,
} from '../power.ts';
import { endBilling } from '../remove-server.ts';
import { startAction, type Step } from '../start-actions.ts';
import type { Server } from '../state.ts';
import { renderAction } from './actions.ts';
import { billServer } from './create-server.ts';
import { chooseImage, createSnapshot } from './images.ts';
import { getPlacementGroup, isFull } from './placement-groups.ts';
import { idOrNameSchema, idSchema } from './resource.ts';
import { serverNetworkRoutes } from './server-networks.ts';
import { getServerType } from './server-types.ts';
import { checkUnlocked, getServer } from './server.ts';

export const serverActionRoutes: readonly Route[] = [
  act('poweron', (call, server) =>
    isUp(server) ? idle(server, 'start_server') : startStep(call, server),
  ),
  act('poweroff', (call, server) =>
    isUp(server) ? stopStep(call, server) : idle(server, 'stop_server'),
  ),
  act('shutdown', shutdownStep),
  act('reboot', (call, server) => restartStep(call, checkIsUp(server), 'reboot_server')),
  act('reset', (call, server) => restartStep(call, checkIsUp(server), 'reset_server')),
  act('change_protection', changeProtection),
  act('change_type', changeType),
  act('add_to_placement_group', addToPlacementGroup),
  act('remove_from_placement_group', removeFromPlacementGroup),
  ...serverNetworkRoutes,
  route('POST', '/servers/{id}/actions/create_image', (call) =>
    createSnapshot(call, getUnlockedServer(call)),
  ),
  route('POST', '/servers/{id}/actions/rebuild', rebuild),
];

/** A route whose whole reply is the action it starts. */
function act(name: string, plan: (call: Call, server: Server) => Step): Route {
  return route('POST', `/servers/{id}/actions/${name}`, (call) => {
    const step = plan(call, getUnlockedServer(call));
    return reply(201, { action: renderAction(call, startAction(call, step)) });
  });
}

function getUnlockedServer(call: Call): Server {
  const server = getServer(call, idOf(call));
  checkUnlocked(server, call.now);
  return server;
}

function isUp(server: Server): boolean {
  return server.status === 'running' || server.status === 'starting';
}

function checkIsUp(server: Server): Server {
  if (!isUp(server)) throw new ApiError('service_error', 'server is not running');
  return server;
}

function checkIsOff(server: Server): void {
  if (server.status !== 'off') {
    throw new ApiError('server_not_stopped', 'server must be powered off');
  }
}

/** What is on already can be turned on: it takes no time and changes nothing. */
function idle(server: Server, command: string): Step {
  return serverStep(server, { command, durationMs: 0 });
}

function changeProtection(call: Call, server: Server): Step {
  const wanted = parseBody(
    call,
    z.object({ delete: z.boolean().optional(), rebuild: z.boolean().optional() }),
  );
  return serverStep(server, {
    command: 'change_protection',
    durationMs: call.account.timings.changeMs,
    onSuccess: () => {
      server.protection = {
        delete: wanted.delete ?? server.protection.delete,
        rebuild: wanted.rebuild ?? server.protection.rebuild,
      };
    },
  });
}

/** It pays the price of today for the new type, in hours that start anew. */
function changeType(call: Call, server: Server): Step {
  const wanted = parseBody(
    call,
    z.object({ server_type: idOrNameSchema, upgrade_disk: z.boolean() }),
  );
  checkIsOff(server);
  const type = getServerType(wanted.server_type, call.now);
  const isFit =
    type.architecture === server.type.architecture &&
    type.diskGb >= server.primaryDiskGb &&
    type.prices.has(server.location.name) &&
    !isRetired(type.deprecation, call.now);
  if (!isFit) throw new ApiError('invalid_server_type', 'server type does not fit');
  return serverStep(server, {
    command: 'change_server_type',
    durationMs: call.account.timings.rebuildMs,
    onSuccess: (at) => {
      const { stock } = call.account;
      stock.giveBack(server.type.name, server.location.name);
      stock.take(type.name, server.location.name);
      server.type = type;
      if (wanted.upgrade_disk) server.primaryDiskGb = type.diskGb;
      endBilling(call, { kind: 'server', id: server.id }, at);
      billServer(call, server, at);
    },
  });
}

function addToPlacementGroup(call: Call, server: Server): Step {
  const { placement_group: id } = parseBody(call, z.object({ placement_group: idSchema }));
  const group = getPlacementGroup(call, id);
  checkIsOff(server);
  if (server.placementGroupId !== null) {
    throw new ApiError('already_in_placement_group', 'server is already in a placement group');
  }
  if (isFull(call, group)) throw new ApiError('service_error', 'placement group is full');
  server.placementGroupId = group.id;
  return serverStep(server, {
    command: 'add_to_placement_group',
    durationMs: call.account.timings.changeMs,
  });
}

function removeFromPlacementGroup(call: Call, server: Server): Step {
  if (server.placementGroupId === null) throw notFound('placement group');
  server.placementGroupId = null;
  return serverStep(server, {
    command: 'remove_from_placement_group',
    durationMs: call.account.timings.changeMs,
  });
}

/** The disk is written anew, with the user data of the creation unless new ones are sent. */
function rebuild(call: Call): Reply {
  const server = getUnlockedServer(call);
  const wanted = parseBody(
    call,
    z.object({ image: idOrNameSchema, user_data: z.string().optional() }),
  );
  if (server.protection.rebuild) throw new ApiError('protected', 'server rebuild is protected');
  const image = chooseImage(call, wanted.image, server.type.architecture);
  const step = serverStep(server, {
    command: 'rebuild_server',
    durationMs: call.account.timings.rebuildMs,
    onStart: () => {
      cutPower(call.account, server);
      server.status = 'rebuilding';
    },
    onSuccess: (at) => {
      server.image = image;
      server.userData = wanted.user_data ?? server.userData;
      server.hasBootedBefore = false;
      powerUp(call, server, at);
    },
    onFailure: () => {
      server.status = 'off';
    },
  });
  return reply(201, { action: renderAction(call, startAction(call, step)), root_password: null });
}
