import type { Database } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';
import { isSecretValid, parseToken } from '@nexus/kit/tokens';
import { SERVER_TOKEN_KIND } from '@nexus/grid/contract';

export interface JoinedServer {
  id: string;
  priceMicrosPerHour: number;
}

/**
 * The right of the worker on a rented server to register, undefined if the token is of another kind.
 * A server that is to go gets no worker any more. That a server has one worker at a time is the
 * database's to enforce; `rejoining` is the server of a worker that this one proves to follow.
 */
export async function redeemServerToken(
  database: Database,
  text: string,
  rejoining: string | null,
): Promise<JoinedServer | undefined> {
  const token = parseToken(SERVER_TOKEN_KIND, text);
  if (!token) return undefined;
  const [server] = await database.query<JoinedServer & { hash: Buffer; mayJoin: boolean }>(
    `select id, price_micros_per_hour as "priceMicrosPerHour", join_secret_hash as hash,
       state not in ('deleting', 'gone') and id = $2
         or state in ('intended', 'booting', 'active') and join_until > now()
            and not exists (select 1 from workers w where w.server_id = servers.id) as "mayJoin"
     from servers where id = $1`,
    [token.id, rejoining],
  );
  if (!server || !isSecretValid(token.secret, server.hash))
    throw new AppError('unauthorized', 'the join token is not valid');
  if (!server.mayJoin) throw new AppError('unauthorized', 'the join token was used or has expired');
  return { id: server.id, priceMicrosPerHour: server.priceMicrosPerHour };
}
