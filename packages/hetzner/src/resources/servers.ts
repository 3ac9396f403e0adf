import { z } from 'zod';

import { actionReply, actionSchema, type Action } from '../actions/action.ts';
import type { ActionsResource } from '../actions/actions.ts';
import { listAll, type Api, type CallOptions } from '../api.ts';
import { HetznerApiError, hasCode } from '../errors.ts';
import { hasLabels, toLabelSelector, type Labels } from '../labels.ts';
import {
  createServerReply,
  refusalOf,
  toCreateBody,
  type CreateServerResult,
  type ServerRequest,
} from './create-server.ts';
import { imageSchema, type Image } from './images.ts';
import { serverSchema, type Server, type ServerStatus } from './server.ts';

export type DeleteServerResult = { kind: 'deleting'; action: Action | null } | { kind: 'gone' };

export type PowerAction = 'poweron' | 'poweroff' | 'reboot' | 'reset' | 'shutdown';

export interface CreateOptions extends CallOptions {
  /**
   * May be sent again when it is unknown whether the last try made a server. True by default: the
   * name is unique, so there are never two, and the first is adopted.
   */
  isRepeatable?: boolean;
}

export interface ServerFilter {
  labels?: Labels;
  statuses?: readonly ServerStatus[];
}

export interface ServersResource {
  list(filter?: ServerFilter, options?: CallOptions): Promise<Server[]>;
  get(id: number, options?: CallOptions): Promise<Server>;
  /** Undefined once the API does not know it any more. */
  find(id: number, options?: CallOptions): Promise<Server | undefined>;
  findByName(name: string, options?: CallOptions): Promise<Server | undefined>;
  /**
   * If the name is taken by a server that has all labels of the request, it is ours: the reply that
   * told us of it was lost. Failures that another choice of type, place or time may heal are values.
   */
  create(request: ServerRequest, options?: CreateOptions): Promise<CreateServerResult>;
  /** Throws `locked` while something is done to the server, and `protected`. */
  delete(id: number, options?: CallOptions): Promise<DeleteServerResult>;
  /** Labels that are not named are lost. */
  replaceLabels(id: number, labels: Labels, options?: CallOptions): Promise<Server>;
  /** That `shutdown` succeeds means that the server was asked; it may not listen. */
  power(id: number, change: PowerAction, options?: CallOptions): Promise<Action>;
  /**
   * A snapshot of its disk, which costs by its size until it is deleted. Off, the server has written
   * all it knows. Sent once: a snapshot has no name by which one of a lost reply could be found.
   */
  createImage(
    id: number,
    snapshot: { description: string; labels: Labels },
    options?: CallOptions,
  ): Promise<{ image: Image; action: Action }>;
}

const serverReply = z.object({ server: serverSchema }).transform(({ server }) => server);
const createImageReply = z.object({ image: imageSchema, action: actionSchema });
const deleteReply = z.object({ action: actionSchema.nullish() });

export function serversResource(api: Api, actions: ActionsResource): ServersResource {
  const path = (id: number) => `/servers/${id}`;

  const list = (filter: ServerFilter = {}, options?: CallOptions) =>
    listServers(api, filter, options);

  const get = (id: number, options?: CallOptions) =>
    api.send({ method: 'GET', path: path(id), reply: serverReply }, options);

  const findByName = async (name: string, options?: CallOptions) => {
    const call = { path: '/servers', key: 'servers', item: serverSchema, query: { name } };
    return (await listAll(api, call, options))[0];
  };

  return {
    list,
    get,
    findByName,
    find: async (id, options) => {
      try {
        return await get(id, options);
      } catch (error) {
        if (hasCode(error, 'not_found')) return undefined;
        throw error;
      }
    },
    create: async (request, options) => {
      const result = await tryCreate(api, request, options);
      if (result.kind === 'created') return result;
      const { reason, error } = result;
      if (reason !== 'name_taken' && !error.mayHaveActed) return result;
      const server = await findByName(request.name, options);
      if (server && isOurs(server, request)) {
        const running = await actions.listRunningOfServer(server.id, options);
        return { kind: 'adopted', server, actions: running };
      }
      // An earlier try may yet turn into a server; that of somebody else rules it out.
      if (!server && error.mayHaveActed) throw error;
      return result;
    },
    delete: (id, options) => deleteServer(api, path(id), options),
    replaceLabels: (id, labels, options) =>
      api.send({ method: 'PUT', path: path(id), body: { labels }, reply: serverReply }, options),
    power: (id, change, options) => {
      const call = { method: 'POST', path: `${path(id)}/actions/${change}` } as const;
      return api.send({ ...call, reply: actionReply }, options);
    },
    createImage: (id, snapshot, options) => {
      const call = { method: 'POST', path: `${path(id)}/actions/create_image` } as const;
      const body = { type: 'snapshot', ...snapshot };
      return api.send({ ...call, body, reply: createImageReply, isRepeatable: false }, options);
    },
  };
}

function listServers(
  api: Api,
  { labels, statuses }: ServerFilter,
  options: CallOptions | undefined,
): Promise<Server[]> {
  const query = {
    sort: 'id:asc',
    label_selector: labels && toLabelSelector(labels),
    status: statuses,
  };
  return listAll(api, { path: '/servers', key: 'servers', item: serverSchema, query }, options);
}

async function tryCreate(
  api: Api,
  request: ServerRequest,
  options: CreateOptions | undefined,
): Promise<Exclude<CreateServerResult, { kind: 'adopted' }>> {
  try {
    const body = toCreateBody(request);
    const call = { method: 'POST', path: '/servers', body, reply: createServerReply } as const;
    const isRepeatable = options?.isRepeatable ?? true;
    return { kind: 'created', ...(await api.send({ ...call, isRepeatable }, options)) };
  } catch (error) {
    const reason = error instanceof HetznerApiError ? refusalOf(error) : undefined;
    if (!(error instanceof HetznerApiError) || reason === undefined) throw error;
    return { kind: 'refused', reason, error };
  }
}

/** Without labels nothing says whose a server is. */
function isOurs(server: Server, request: ServerRequest): boolean {
  return Object.keys(request.labels).length > 0 && hasLabels(server.labels, request.labels);
}

async function deleteServer(
  api: Api,
  path: string,
  options: CallOptions | undefined,
): Promise<DeleteServerResult> {
  try {
    const reply = await api.send({ method: 'DELETE', path, reply: deleteReply }, options);
    return { kind: 'deleting', action: reply.action ?? null };
  } catch (error) {
    if (hasCode(error, 'not_found')) return { kind: 'gone' };
    throw error;
  }
}
