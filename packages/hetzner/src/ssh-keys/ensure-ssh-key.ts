import { AppError } from '@nexus/kit/errors';

import type { CallOptions } from '../api.ts';
import { hasCode } from '../errors.ts';
import type { Labels } from '../labels.ts';
import type { SshKey, SshKeysResource } from '../resources/ssh-keys.ts';
import { ensureKeyPair, type PublicKey } from './key-pair-file.ts';

export interface EnsuredSshKey {
  id: number;
  fingerprint: string;
  /** False: the project had it already, under whatever name. */
  created: boolean;
}

/** Sees to it that the key pair at `path` exists, and that the project knows its public half. */
export async function ensureSshKey(
  client: { sshKeys: SshKeysResource },
  key: { path: string; name: string; labels?: Labels },
  options: CallOptions = {},
): Promise<EnsuredSshKey> {
  const pair = await ensureKeyPair(key.path, key.name);
  const { fingerprint } = pair;
  const found = await client.sshKeys.findByFingerprint(fingerprint, options);
  if (found) return { id: found.id, fingerprint, created: false };
  // The name may be taken by another key. Then it is this one's, with a part of its fingerprint.
  const names = [key.name, `${key.name}-${fingerprint.replaceAll(':', '').slice(0, 8)}`];
  for (const name of names) {
    const made = await createOrFind(client, { ...pair, name, labels: key.labels ?? {} }, options);
    if (made) return { id: made.key.id, fingerprint, created: made.isNew };
  }
  throw new AppError('conflict', `other SSH keys of the project are called ${names.join(' and ')}`);
}

/** Undefined: the name belongs to another key. */
async function createOrFind(
  client: { sshKeys: SshKeysResource },
  key: PublicKey & { name: string; labels: Labels },
  options: CallOptions,
): Promise<{ key: SshKey; isNew: boolean } | undefined> {
  try {
    const { name, publicKey, labels } = key;
    const made = await client.sshKeys.create({ name, publicKey, labels }, options);
    return { key: made, isNew: true };
  } catch (error) {
    if (!hasCode(error, 'uniqueness_error')) throw error;
    // Another process was quicker, or an earlier try of ours, whose reply was lost.
    const found = await client.sshKeys.findByFingerprint(key.fingerprint, options);
    return found && { key: found, isNew: false };
  }
}
