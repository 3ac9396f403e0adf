import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';

/**
 * The files of `ssh-keygen -t ed25519`, which Node cannot write. The format of the private one is
 * in PROTOCOL.key of OpenSSH, that of the public one in RFC 4253 section 6.6 and RFC 8709.
 */
export interface SshKeyPair {
  /** `-----BEGIN OPENSSH PRIVATE KEY-----`, no passphrase. */
  privateKey: string;
  /** One line, `ssh-ed25519 AAAA… comment`. */
  publicKey: string;
}

const KEY_TYPE = 'ssh-ed25519';
const MAGIC = 'openssh-key-v1\0';
const CIPHER_BLOCK_BYTES = 8;

export function generateKeyPair(comment: string): SshKeyPair {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const seed = Buffer.from(jwk.d ?? '', 'base64url');
  const point = Buffer.from(jwk.x ?? '', 'base64url');
  const publicBlob = Buffer.concat([field(KEY_TYPE), field(point)]);
  const check = randomBytes(4);
  const secret = Buffer.concat([
    ...[check, check],
    ...[field(KEY_TYPE), field(point), field(Buffer.concat([seed, point])), field(comment)],
  ]);
  const file = Buffer.concat([
    Buffer.from(MAGIC),
    // Cipher, key derivation and its options: none, as there is no passphrase.
    ...[field('none'), field('none'), field('')],
    ...[uint32(1), field(publicBlob), field(pad(secret))],
  ]);
  return { privateKey: armour(file), publicKey: formatPublicKey(publicBlob, comment) };
}

/** The public half, which an OpenSSH private key carries in the clear. Undefined: another format. */
export function readPublicHalf(privateKey: string): string | undefined {
  const match = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(privateKey);
  const file = Buffer.from(match?.[1] ?? '', 'base64');
  if (file.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) return undefined;
  try {
    let offset = MAGIC.length;
    const skipField = () => (offset += 4 + file.readUInt32BE(offset));
    for (let header = 0; header < 3; header += 1) skipField();
    const start = offset + 4 + 4;
    const publicBlob = file.subarray(start, start + file.readUInt32BE(offset + 4));
    return formatPublicKey(publicBlob, '');
  } catch {
    return undefined;
  }
}

/** As Hetzner shows it: MD5 in hexadecimal, with colons. Undefined: not a public key. */
export function fingerprintOf(publicKey: string): string | undefined {
  const blob = blobOf(publicKey);
  if (blob === undefined) return undefined;
  const digest = createHash('md5').update(blob).digest('hex');
  return digest.match(/../g)?.join(':');
}

function blobOf(publicKey: string): Buffer | undefined {
  const [type = '', base64 = ''] = publicKey.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  // The blob begins with the type it is said to be of, and consists of whole fields.
  const isOfType = type !== '' && blob.indexOf(field(type)) === 0;
  return isOfType && endsWithField(blob) ? blob : undefined;
}

function endsWithField(blob: Buffer): boolean {
  let offset = 0;
  while (offset + 4 <= blob.length) offset += 4 + blob.readUInt32BE(offset);
  return offset === blob.length;
}

function formatPublicKey(blob: Buffer, comment: string): string {
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
  return [type, blob.toString('base64'), comment].filter(Boolean).join(' ');
}

function armour(file: Buffer): string {
  const lines = file.toString('base64').match(/.{1,70}/g) ?? [];
  const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} OPENSSH PRIVATE KEY-----`);
  return [begin, ...lines, end, ''].join('\n');
}

/** Filled up with 1, 2, 3… */
function pad(secret: Buffer): Buffer {
  const missing = (CIPHER_BLOCK_BYTES - (secret.length % CIPHER_BLOCK_BYTES)) % CIPHER_BLOCK_BYTES;
  return Buffer.concat([secret, Buffer.from(Array.from({ length: missing }, (_, i) => i + 1))]);
}

function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
