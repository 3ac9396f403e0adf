import { randomBytes } from 'node:crypto';

// Crockford's base 32, lower case: no i, l, o, u, so an id can be read aloud and never spells a word.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** A random id of `length` characters, 5 bits each, that begins with a letter. */
export function randomId(length = 12): string {
  const bytes = randomBytes(length);
  let id = '';
  for (const [position, byte] of bytes.entries()) {
    // The letters start at index 10: 22 of them for the first place.
    id += position === 0 ? ALPHABET[10 + (byte % 22)] : ALPHABET[byte & 31];
  }
  return id;
}
