import { idOf, reply, route, type Call, type Route } from '../call.ts';
import { invalidInput, notFound } from '../errors.ts';
import { BY_ID, filterByValues, listReply } from '../listing.ts';
import type { Action, ResourceType } from '../state.ts';
import { renderTime, renderTimeOrNull } from '../times.ts';

export function renderAction(call: Pick<Call, 'now'>, action: Action) {
  return {
    id: action.id,
    command: action.command,
    status: action.status,
    progress: progressOf(action, call.now),
    started: renderTime(action.startedAt),
    finished: renderTimeOrNull(action.finishedAt),
    resources: action.resources,
    error: action.error,
  };
}

function progressOf(action: Action, now: number): number {
  if (action.status !== 'running') return 100;
  const durationMs = Math.max(1, action.endsAt - action.startedAt);
  return Math.min(99, Math.floor(((now - action.startedAt) / durationMs) * 100));
}

const SORT = {
  ...BY_ID,
  command: (action: Action) => action.command,
  status: (action: Action) => action.status,
  started: (action: Action) => action.startedAt,
  finished: (action: Action) => action.finishedAt ?? 0,
};

export const actionRoutes: readonly Route[] = [
  route('GET', '/actions', (call) => {
    // Listing all actions of a project was removed on 30 January 2025; this reply has no pages.
    const ids = new Set(call.query.getAll('id'));
    if (ids.size === 0) throw invalidInput('id', 'is required');
    const actions = [...ids].flatMap((id) => call.project.actions.get(Number(id)) ?? []);
    return reply(200, { actions: actions.map((action) => renderAction(call, action)) });
  }),
  route('GET', '/actions/{id}', (call) => {
    const action = call.project.actions.get(idOf(call));
    if (!action) throw notFound('action');
    return reply(200, { action: renderAction(call, action) });
  }),
];

/** The four routes under which every kind of resource shows its own actions. */
export function actionRoutesOf(
  collection: string,
  type: ResourceType,
  mustExist: (call: Call) => unknown,
): Route[] {
  const ofType = (call: Call): Action[] =>
    [...call.project.actions.values()].filter(({ resources }) =>
      resources.some((resource) => resource.type === type),
    );
  const ofResource = (call: Call): Action[] => {
    mustExist(call);
    return ofType(call).filter(({ resources }) =>
      resources.some((resource) => resource.type === type && resource.id === idOf(call)),
    );
  };
  const show = (call: Call, actions: readonly Action[], id: number | undefined) => {
    const action = actions.find((candidate) => candidate.id === id);
    if (!action) throw notFound('action');
    return reply(200, { action: renderAction(call, action) });
  };
  return [
    route('GET', `/${collection}/actions`, (call) => listActions(call, ofType(call))),
    route('GET', `/${collection}/actions/{id}`, (call) => show(call, ofType(call), idOf(call))),
    route('GET', `/${collection}/{id}/actions`, (call) => listActions(call, ofResource(call))),
    route('GET', `/${collection}/{id}/actions/{action_id}`, (call) =>
      show(call, ofResource(call), call.params['action_id']),
    ),
  ];
}

function listActions(call: Call, actions: readonly Action[]) {
  const { query } = call;
  const chosen = filterByValues(actions, query.getAll('id'), ({ id }) => String(id));
  return listReply(call, {
    key: 'actions',
    items: filterByValues(chosen, query.getAll('status'), ({ status }) => status),
    render: (action) => renderAction(call, action),
    sortBy: SORT,
  });
}
