import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/**
 * Encryption at rest: AES-256-GCM. An envelope is `v1.<key id>.<nonce>.<ciphertext+tag>` (base64url);
 * the key id lets old envelopes be read after a rotation. What a value belongs to (account, batch,
 * name…) goes in as associated data: an envelope moved to another row does not open.
 */
export interface Vault {
  seal(plaintext: string, belongsTo: readonly string[]): string;
  /** Throws if the envelope was changed, moved, or sealed under a key this vault does not have. */
  unseal(envelope: string, belongsTo: readonly string[]): string;
}

interface VaultKey {
  id: string;
  bytes: Buffer;
}

/** The first secret seals; all of them unseal. */
export function createVault(secrets: readonly [string, ...string[]]): Vault {
  const keys = secrets.map(deriveKey);
  const [current] = keys;
  if (!current) throw new Error('a vault needs at least one key');
  return {
    seal: (plaintext, belongsTo) => seal(current, plaintext, belongsTo),
    unseal: (envelope, belongsTo) => unseal(keys, envelope, belongsTo),
  };
}

// The configured secret may be any long text; the cipher wants exactly 32 bytes.
function deriveKey(secret: string): VaultKey {
  const bytes = createHash('sha256').update('nexus vault key v1\0').update(secret).digest();
  const id = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  return { id, bytes };
}

function seal(key: VaultKey, plaintext: string, belongsTo: readonly string[]): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce);
  cipher.setAAD(associatedData(belongsTo));
  const sealed = Buffer.concat([
    cipher.update(plaintext, 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return ['v1', key.id, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
}

function unseal(keys: readonly VaultKey[], envelope: string, belongsTo: readonly string[]): string {
  const [version, keyId, nonce, sealed] = envelope.split('.');
  const key = keys.find((candidate) => candidate.id === keyId);
  if (version !== 'v1' || nonce === undefined || sealed === undefined)
    throw new Error('this is not a vault envelope');
  if (!key)
    throw new Error(`the vault has no key ${keyId}: was ENCRYPTION_KEY changed without rotation?`);
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, Buffer.from(nonce, 'base64url'));
  decipher.setAAD(associatedData(belongsTo));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString(
    'utf8',
  );
}

// Lengths first, so that ['ab','c'] and ['a','bc'] differ.
function associatedData(parts: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(parts));
}
