import { errorMessage } from '@nexus/kit/errors';
import type { Logger } from '@nexus/kit/logger';

import type { ServerBooks } from '../books/server-books.ts';
import type { Cloud } from '../cloud/cloud.ts';

export interface DeleteDeps {
  books: ServerBooks;
  cloud: Cloud;
  logger: Logger;
}

/** Null: not known. */
export interface Doomed {
  /** In the books. */
  serverId: string | null;
  cloudId: number | null;
  name: string;
}

/** Has the cloud delete a server that is condemned, or that the books do not know; to be repeated until it is gone. */
export async function deleteServer(deps: DeleteDeps, server: Doomed): Promise<void> {
  const { books, cloud } = deps;
  const { serverId } = server;
  const cloudId = server.cloudId ?? (await lookUp(deps, server));
  const result = cloudId === undefined ? GONE : await cloud.delete(cloudId);
  if (serverId === null) return;
  if (result.kind === 'gone') await closeServer(deps, serverId);
  else if (result.action) await books.noteDeletion(serverId, result.action.id);
}

const GONE = { kind: 'gone' } as const;

/** What the cloud has under its name bills, and belongs into the books before it goes. */
async function lookUp(
  { books, cloud }: DeleteDeps,
  { serverId, name }: Doomed,
): Promise<number | undefined> {
  const found = await cloud.find(name);
  if (found && serverId !== null) await books.confirm(serverId, found);
  return found?.id;
}

/** It is gone, and its hours are counted to when the cloud says that it was deleted; if it does not, to now. */
export async function closeServer(
  { books, cloud, logger }: DeleteDeps,
  serverId: string,
): Promise<void> {
  const actionId = await books.findDeletion(serverId);
  const deletedAt =
    actionId === null
      ? null
      : await cloud.endOf(actionId).catch((error: unknown) => {
          logger.warn({ serverId, reason: errorMessage(error) }, 'could not ask for its end');
          return null;
        });
  await books.close(serverId, deletedAt);
}
