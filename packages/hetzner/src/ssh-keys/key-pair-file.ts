import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { AppError, systemErrorCode } from '@nexus/kit/errors';

import { fingerprintOf, generateKeyPair, readPublicHalf } from './openssh-format.ts';

export interface PublicKey {
  /** One line, without the newline. */
  publicKey: string;
  fingerprint: string;
}

const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;

/**
 * The public half of the key pair at `path` and `path.pub`. If there is none an ed25519 pair is
 * made; what is there is never written over. Throws AppError, in one sentence, if the private key
 * can be read by others or the halves are not of one pair.
 */
export async function ensureKeyPair(path: string, comment: string): Promise<PublicKey> {
  const privateKey = (await findPrivateKey(path)) ?? (await makePrivateKey(path, comment));
  const half = readPublicHalf(privateKey);
  const publicKey = await findText(`${path}.pub`);
  if (publicKey === undefined) {
    if (half === undefined) throw refusal(`${path} has no public key beside it, in ${path}.pub`);
    await writeNew(`${path}.pub`, `${half} ${comment}\n`, PUBLIC_MODE);
    return describe(half, path);
  }
  const { fingerprint } = describe(publicKey, path);
  if (half !== undefined && fingerprintOf(half) !== fingerprint)
    throw refusal(`${path}.pub is not the public half of ${path}`);
  return { publicKey: publicKey.trim(), fingerprint };
}

function describe(publicKey: string, path: string): PublicKey {
  const fingerprint = fingerprintOf(publicKey);
  if (fingerprint === undefined) throw refusal(`${path}.pub is not an SSH public key`);
  return { publicKey, fingerprint };
}

async function findPrivateKey(path: string): Promise<string | undefined> {
  const privateKey = await findText(path);
  if (privateKey === undefined) return undefined;
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0)
    throw refusal(`the private key ${path} can be read by others: chmod 600 it`);
  return privateKey;
}

/** Whoever of several processes is first makes the key; the others use it. */
async function makePrivateKey(path: string, comment: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeNew(path, generateKeyPair(comment).privateKey, PRIVATE_MODE);
  const privateKey = await findPrivateKey(path);
  if (privateKey === undefined)
    throw refusal(`the private key ${path} went away while it was made`);
  return privateKey;
}

/** Whole or not at all, and never in the place of another: `link` refuses to replace. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      // Exactly this mode, whatever the umask.
      await file.chmod(mode);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function findText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function refusal(sentence: string): AppError {
  return new AppError('invalid_request', sentence);
}
