import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A bearer token: `<kind>_<id>_<secret>`. The id finds the row, the secret (256 bits) proves the right. */
export interface Token {
  id: string;
  text: string;
  secretHash: Buffer;
}

export function createToken(kind: string, id: string): Token {
  const secret = randomBytes(32).toString('base64url');
  return { id, text: `${kind}_${id}_${secret}`, secretHash: hashSecret(secret) };
}

export function parseToken(kind: string, text: string): { id: string; secret: string } | undefined {
  const match = /^([a-z]+)_([0-9a-z]+)_([\w-]{40,})$/.exec(text);
  if (!match || match[1] !== kind) return undefined;
  const [, , id, secret] = match;
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

// Plain SHA-256 and no slow hash: the secret is 256 random bits, so there is nothing to guess.
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export function isSecretValid(secret: string, secretHash: Buffer): boolean {
  const given = hashSecret(secret);
  return given.length === secretHash.length && timingSafeEqual(given, secretHash);
}
