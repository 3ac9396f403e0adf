import { AppError } from '@nexus/kit/errors';
import type { Secret } from '@nexus/kit/config';

import type { Handler } from './handler.ts';

/** Adds the token. It is the last but one link, so that nothing above ever holds the token. */
export function authenticate(next: Handler, token: Secret): Handler {
  // A header that cannot be sent would be quoted, token and all, by the error about it.
  if (!/^[\x21-\x7e]+$/.test(token.reveal())) {
    throw new AppError(
      'invalid_request',
      'the Hetzner API token is empty, or has a character that no token has (a space, a line break)',
    );
  }
  return (request) =>
    next({
      ...request,
      headers: { ...request.headers, authorization: `Bearer ${token.reveal()}` },
    });
}
