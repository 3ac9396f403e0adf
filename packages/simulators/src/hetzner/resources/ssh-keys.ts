import { createHash } from 'node:crypto';
import { z } from 'zod';

import { idOf, parseBody, reply, route, type Call, type Route } from '../call.ts';
import { invalidInput, notFound, notUnique } from '../errors.ts';
import { BY_NAME, filterByQuery, filterByValues, listReply } from '../listing.ts';
import { nextId, type SshKey } from '../state.ts';
import { renderTime, toSecond } from '../times.ts';
import { labelsSchema, nameSchema, updateResource } from './resource.ts';

const createSchema = z.object({
  name: nameSchema,
  public_key: z.string(),
  labels: labelsSchema,
});

export function renderSshKey(key: SshKey) {
  return {
    id: key.id,
    name: key.name,
    fingerprint: key.fingerprint,
    public_key: key.publicKey,
    labels: key.labels,
    created: renderTime(key.createdAt),
  };
}

export const sshKeyRoutes: readonly Route[] = [
  route('GET', '/ssh_keys', (call) => {
    const keys = filterByQuery(call, call.project.sshKeys.values());
    return listReply(call, {
      key: 'ssh_keys',
      items: filterByValues(
        keys,
        call.query.getAll('fingerprint'),
        ({ fingerprint }) => fingerprint,
      ),
      render: renderSshKey,
      sortBy: BY_NAME,
    });
  }),
  route('POST', '/ssh_keys', createSshKey),
  route('GET', '/ssh_keys/{id}', (call) => reply(200, { ssh_key: renderSshKey(getSshKey(call)) })),
  route('PUT', '/ssh_keys/{id}', (call) => {
    const key = getSshKey(call);
    updateResource(call, key, call.project.sshKeys);
    return reply(200, { ssh_key: renderSshKey(key) });
  }),
  route('DELETE', '/ssh_keys/{id}', (call) => {
    call.project.sshKeys.delete(getSshKey(call).id);
    return reply(204);
  }),
];

function getSshKey(call: Call): SshKey {
  const key = call.project.sshKeys.get(idOf(call));
  if (!key) throw notFound('SSH key');
  return key;
}

function createSshKey(call: Call) {
  const { account, project } = call;
  const { name, public_key: publicKey, labels = {} } = parseBody(call, createSchema);
  const fingerprint = fingerprintOf(publicKey);
  if (fingerprint === undefined) throw invalidInput('public_key', 'is not a valid public key');
  for (const key of project.sshKeys.values()) {
    if (key.name === name) throw notUnique('name', 'SSH key not unique');
    if (key.fingerprint === fingerprint) throw notUnique('public_key', 'SSH key not unique');
  }
  const createdAt = toSecond(call.now);
  const key: SshKey = { id: nextId(account), name, labels, createdAt, publicKey, fingerprint };
  project.sshKeys.set(key.id, key);
  return reply(201, { ssh_key: renderSshKey(key) });
}

const KEY_TYPES = /^(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp\d+|sk-[\w-]+@openssh\.com)$/;

/** MD5 in hex with colons, over the bytes of the key; its comment does not matter. */
function fingerprintOf(publicKey: string): string | undefined {
  const [type = '', encoded = ''] = publicKey.trim().split(/\s+/);
  const bytes = Buffer.from(encoded, 'base64');
  // The bytes begin with the length of the type's name and the name itself (RFC 4253, 6.6).
  const isKey = KEY_TYPES.test(type) && bytes.subarray(4, 4 + type.length).toString() === type;
  if (!isKey) return undefined;
  return createHash('md5')
    .update(bytes)
    .digest('hex')
    .replaceAll(/(..)(?!$)/g, '$1:');
}
