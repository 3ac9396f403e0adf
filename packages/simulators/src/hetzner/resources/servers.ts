import { z } from 'zod';

import { idOf, parseBody, reply, route, takeFault, type Call, type Route } from '../call.ts';
import { ApiError } from '../errors.ts';
import type { FaultOf } from '../faults.ts';
import { reconcileFirewalls } from '../firewall-bindings.ts';
import { BY_CREATION, filterByQuery, filterByValues, listReply } from '../listing.ts';
import { cutPower, serverStep } from '../power.ts';
import { removeServer } from '../remove-server.ts';
import { startAction } from '../start-actions.ts';
import type { Action, Server } from '../state.ts';
import { actionRoutesOf, renderAction } from './actions.ts';
import { createServer, serverNameSchema } from './create-server.ts';
import { updateResource } from './resource.ts';
import { serverActionRoutes } from './server-actions.ts';
import { checkUnlocked, getServer, renderServer } from './server.ts';

export const serverRoutes: readonly Route[] = [
  route('GET', '/servers', (call) => {
    const servers = filterByQuery(call, call.project.servers.values());
    return listReply(call, {
      key: 'servers',
      items: filterByValues(servers, call.query.getAll('status'), ({ status }) => status),
      render: (server) => renderServer(call, server),
      sortBy: BY_CREATION,
    });
  }),
  route('POST', '/servers', createServer),
  ...actionRoutesOf('servers', 'server', (call) => getServer(call, idOf(call))),
  route('GET', '/servers/{id}', (call) =>
    reply(200, { server: renderServer(call, getServer(call, idOf(call))) }),
  ),
  route('PUT', '/servers/{id}', (call) => {
    const server = getServer(call, idOf(call));
    parseBody(call, z.object({ name: serverNameSchema.optional() }));
    updateResource(call, server, call.project.servers);
    reconcileFirewalls(call);
    return reply(200, { server: renderServer(call, server) });
  }),
  route('DELETE', '/servers/{id}', (call) => {
    const server = getServer(call, idOf(call));
    checkUnlocked(server, call.now);
    if (server.protection.delete) {
      throw new ApiError('protected', 'server deletion is protected');
    }
    return reply(200, { action: renderAction(call, startDelete(call, server)) });
  }),
  ...serverActionRoutes,
];

function startDelete(call: Call, server: Server): Action {
  const { account } = call;
  const stays = takeFault(call, 'delete_stays');
  if (stays) return startFailingDelete(call, server, stays);
  const step = serverStep(server, {
    command: 'delete_server',
    durationMs: account.timings.deleteMs,
    onStart: () => {
      server.status = 'deleting';
      cutPower(account, server);
    },
    onSuccess: (at) => removeServer(call, server, at),
    onFailure: () => {
      server.status = 'off';
    },
  });
  return startAction(call, step);
}

function startFailingDelete(call: Call, server: Server, fault: FaultOf<'delete_stays'>): Action {
  const step = serverStep(server, {
    command: 'delete_server',
    durationMs: call.account.timings.deleteMs,
    failure: { code: fault.reason, message: `server is ${fault.reason}` },
    onFailure: (at) => {
      if (fault.reason === 'locked') server.lockedUntil = at + fault.lockedMs;
      else server.protection.delete = true;
    },
  });
  return startAction(call, step);
}
