import type { Database } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';
import { randomId } from '@nexus/kit/ids';
import { createToken, isSecretValid, parseToken } from '@nexus/kit/tokens';

export const JOIN_KIND = 'join';

/** A token with which a worker may register: once, unless it is made reusable for a worker that restarts. */
export async function createJoinToken(
  database: Database,
  options: { expiresAt: Date; isReusable: boolean },
): Promise<string> {
  const token = createToken(JOIN_KIND, randomId());
  await database.query(
    'insert into join_tokens (id, secret_hash, is_reusable, expires_at) values ($1, $2, $3, $4)',
    [token.id, token.secretHash, options.isReusable, options.expiresAt],
  );
  return token.text;
}

/** Throws AppError unauthorized unless the token is good for one more registration. */
export async function redeemJoinToken(database: Database, text: string): Promise<void> {
  const token = parseToken(JOIN_KIND, text);
  if (!token) throw new AppError('unauthorized', 'the join token is not valid');
  const rows = await database.query<{ secretHash: Buffer }>(
    'select secret_hash as "secretHash" from join_tokens where id = $1',
    [token.id],
  );
  if (!rows[0] || !isSecretValid(token.secret, rows[0].secretHash)) {
    throw new AppError('unauthorized', 'the join token is not valid');
  }
  const redeemed = await database.query(
    `update join_tokens set used_at = now()
     where id = $1 and expires_at > now() and (is_reusable or used_at is null) returning id`,
    [token.id],
  );
  if (redeemed.length === 0)
    throw new AppError('unauthorized', 'the join token was used or has expired');
}
