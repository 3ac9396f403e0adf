import type { FleetSnapshot, ScalingAction, ScalingPlan } from '@nexus/grid';
import type { Logger } from '@nexus/kit/logger';

import type { ServerBooks } from '../books/server-books.ts';
import type { Cloud } from '../cloud/cloud.ts';
import { closeServer, deleteServer } from './delete-server.ts';
import type { ServerMaker } from './make-servers.ts';

export interface ApplyDeps {
  books: ServerBooks;
  cloud: Cloud;
  maker: ServerMaker;
  logger: Logger;
  signal: AbortSignal;
}

/**
 * Does what a plan says, in its order. Every step can be killed before, in or after it: what it began
 * is in the books or in the cloud's list, and the next plan goes on from there.
 */
export async function applyPlan(
  deps: ApplyDeps,
  plan: ScalingPlan,
  snapshot: FleetSnapshot,
): Promise<void> {
  const caps = { reservedMicros: plan.budget.reservedMicros };
  for (const action of plan.actions) {
    deps.signal.throwIfAborted();
    const { kind, code, reason } = action;
    deps.logger.info({ action: kind, code, reason, ...subjectOf(action) }, 'scaling');
    await apply(deps, action, { snapshot, ...caps });
  }
}

function subjectOf(action: ScalingAction): Record<string, unknown> {
  return action.kind === 'create'
    ? { serverType: action.serverType, location: action.location, count: action.count }
    : { serverId: action.serverId };
}

async function apply(
  deps: ApplyDeps,
  action: ScalingAction,
  context: { snapshot: FleetSnapshot; reservedMicros: number },
): Promise<void> {
  const { books, maker } = deps;
  switch (action.kind) {
    case 'create':
      return maker.create(action, context);
    case 'retry':
      return maker.retry(action.serverId);
    case 'adopt': {
      const cloud = { id: Number(action.cloudId), createdAt: new Date(action.createdAtMs) };
      return books.confirm(action.serverId, cloud);
    }
    case 'drain':
      return books.drain(action.serverId, action.reason);
    case 'resume':
      return books.resume(action.serverId, action.reason);
    case 'forget':
      return closeServer(deps, action.serverId);
    case 'delete':
      return tryDelete(deps, action);
  }
}

async function tryDelete(
  deps: ApplyDeps,
  { serverId, cloudId, name, reason }: Extract<ScalingAction, { kind: 'delete' }>,
): Promise<void> {
  // Something was leased to it after the plan looked: it stays, and the next plan decides anew.
  if (serverId !== null && !(await deps.books.condemn(serverId, reason))) return;
  try {
    const id = cloudId === null ? null : Number(cloudId);
    await deleteServer(deps, { serverId, cloudId: id, name });
  } catch (error) {
    // It is in the books as to be deleted: the next plans try again until the cloud says 404.
    deps.logger.warn({ err: error, serverId, server: name }, 'could not delete a server yet');
  }
}
