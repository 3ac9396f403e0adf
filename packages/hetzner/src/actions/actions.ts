import { listAll, type Api, type CallOptions } from '../api.ts';
import type { Timing } from '../timing.ts';
import { actionReply, actionsReply, actionSchema, type Action } from './action.ts';
import { ActionWatcher, type WaitResult } from './watch-actions.ts';

export interface ActionsResource {
  get(id: number, options?: CallOptions): Promise<Action>;
  /** Those of them that the API knows. */
  list(ids: readonly number[], options?: CallOptions): Promise<Action[]>;
  /** What is going on with a server: it is locked meanwhile. */
  listRunningOfServer(serverId: number, options?: CallOptions): Promise<Action[]>;
  /** Waits until all of them have ended. Throws only if the API cannot be asked. */
  wait(actions: readonly Action[], options?: CallOptions): Promise<WaitResult>;
}

/** As many ids as Hetzner's own client puts into one request. */
const IDS_PER_REQUEST = 25;

export function actionsResource(api: Api, timing: Pick<Timing, 'now' | 'sleep'>): ActionsResource {
  const list = async (ids: readonly number[], options?: CallOptions) => {
    const found: Action[] = [];
    for (let start = 0; start < ids.length; start += IDS_PER_REQUEST) {
      const query = { id: ids.slice(start, start + IDS_PER_REQUEST) };
      const call = { method: 'GET', path: '/actions', query, reply: actionsReply } as const;
      found.push(...(await api.send(call, options)));
    }
    return found;
  };
  const watcher = new ActionWatcher({ fetchActions: list, ...timing });
  return {
    list,
    get: (id, options) =>
      api.send({ method: 'GET', path: `/actions/${id}`, reply: actionReply }, options),
    listRunningOfServer: (serverId, options) =>
      listAll(
        api,
        {
          path: `/servers/${serverId}/actions`,
          key: 'actions',
          item: actionSchema,
          query: { status: 'running' },
        },
        options,
      ),
    wait: (actions, options) => watcher.wait(actions, options),
  };
}
