import { hkdfSync } from 'node:crypto';

import { SERVER_TOKEN_KIND } from '@nexus/grid/contract';
import type { Secret } from '@nexus/kit/config';
import { hashSecret } from '@nexus/kit/tokens';

/**
 * The token a server's worker joins with. Made from the id and a secret of ours, so that a create
 * that is sent again carries the same one and nothing secret has to be stored: the server that an
 * earlier try may have made can join, too.
 */
export function joinToken(key: Secret, serverId: string): { text: string; secretHash: Buffer } {
  const bytes = hkdfSync('sha256', key.reveal(), serverId, 'rgrid server join token', 32);
  const secret = Buffer.from(bytes).toString('base64url');
  return { text: `${SERVER_TOKEN_KIND}_${serverId}_${secret}`, secretHash: hashSecret(secret) };
}
