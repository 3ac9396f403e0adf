import type { ServerBooks } from '@nexus/autoscaler/books';
import { HetznerError, type Action, type HetznerClient } from '@nexus/hetzner';

import type { Waste } from './find-waste.ts';

export interface DeleteDeps {
  client: HetznerClient;
  /** Null: not reachable, so nobody can be told. */
  books: ServerBooks | null;
  now: () => Date;
}

/** Null: it is gone. Otherwise why it is not, as a clause. */
export type DeleteProblem = string | null;

const WAIT_MS = 60_000;

/** Deletes one thing, and waits until it is gone. One that cannot be deleted does not keep the others. */
export async function deleteWaste(deps: DeleteDeps, waste: Waste): Promise<DeleteProblem> {
  const { client } = deps;
  try {
    switch (waste.kind) {
      case 'server':
        return await deleteServer(deps, waste);
      case 'primary_ip':
        await client.primaryIps.delete(waste.id);
        return null;
      case 'snapshot':
        await client.images.delete(waste.id);
        return null;
      case 'ssh_key':
        await client.sshKeys.delete(waste.id);
        return null;
      case 'firewall':
        await client.firewalls.delete(waste.id);
        return null;
      case 'placement_group':
        await client.placementGroups.delete(waste.id);
        return null;
    }
  } catch (error) {
    if (error instanceof HetznerError) return error.message;
    throw error;
  }
}

async function deleteServer(deps: DeleteDeps, waste: Waste): Promise<DeleteProblem> {
  const { client, books } = deps;
  const { serverId } = waste;
  // Under the same lock as every claim: nothing is leased to it any more.
  if (books && serverId !== null && !(await books.condemn(serverId, waste.reason)))
    return 'executions are leased to it';
  const result = await client.servers.delete(waste.id);
  if (result.kind === 'gone') {
    if (books && serverId !== null) await books.close(serverId, null);
    return null;
  }
  if (!result.action) return null;
  if (books && serverId !== null) await books.noteDeletion(serverId, result.action.id);
  return waitForEnd(deps, serverId, result.action);
}

async function waitForEnd(
  { client, books, now }: DeleteDeps,
  serverId: string | null,
  action: Action,
): Promise<DeleteProblem> {
  const deadline = new Date(now().getTime() + WAIT_MS);
  const end = await client.actions.wait([action], { deadline, priority: 'delete' });
  switch (end.kind) {
    case 'succeeded': {
      const deletedAt = end.actions[0]?.finishedAt ?? null;
      if (books && serverId !== null) await books.close(serverId, deletedAt);
      return null;
    }
    case 'failed':
      return end.action.error?.message ?? 'the cloud could not delete it';
    case 'vanished':
    case 'expired':
      return 'the cloud has not said yet that it is gone';
  }
}
