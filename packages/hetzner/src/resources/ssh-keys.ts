import { z } from 'zod';

import { deleteOrGone, listAll, type Api, type CallOptions } from '../api.ts';
import { toLabelSelector, type Labels } from '../labels.ts';

export interface SshKey {
  id: number;
  name: string;
  /** MD5, hexadecimal, with colons. */
  fingerprint: string;
  publicKey: string;
  labels: Labels;
}

export interface SshKeysResource {
  list(filter?: { labels?: Labels }, options?: CallOptions): Promise<SshKey[]>;
  findByFingerprint(fingerprint: string, options?: CallOptions): Promise<SshKey | undefined>;
  findByName(name: string, options?: CallOptions): Promise<SshKey | undefined>;
  /** Throws `uniqueness_error` if the name is taken, or the key is there under another name. */
  create(
    key: { name: string; publicKey: string; labels?: Labels },
    options?: CallOptions,
  ): Promise<SshKey>;
  delete(id: number, options?: CallOptions): Promise<'deleted' | 'gone'>;
}

const sshKeySchema = z
  .object({
    id: z.int(),
    name: z.string(),
    fingerprint: z.string(),
    public_key: z.string(),
    labels: z.record(z.string(), z.string()),
  })
  .transform(({ public_key: publicKey, ...rest }): SshKey => ({ ...rest, publicKey }));

const sshKeyReply = z.object({ ssh_key: sshKeySchema }).transform((reply) => reply.ssh_key);

export function sshKeysResource(api: Api): SshKeysResource {
  const collection = { path: '/ssh_keys', key: 'ssh_keys', item: sshKeySchema };
  return {
    list: ({ labels } = {}, options) => {
      const query = { sort: 'id:asc', label_selector: labels && toLabelSelector(labels) };
      return listAll(api, { ...collection, query }, options);
    },
    findByFingerprint: async (fingerprint, options) =>
      (await listAll(api, { ...collection, query: { fingerprint } }, options))[0],
    findByName: async (name, options) =>
      (await listAll(api, { ...collection, query: { name } }, options))[0],
    create: ({ name, publicKey, labels }, options) => {
      const body = { name, public_key: publicKey, labels: labels ?? {} };
      return api.send({ method: 'POST', path: '/ssh_keys', body, reply: sshKeyReply }, options);
    },
    delete: (id, options) => deleteOrGone(api, `/ssh_keys/${id}`, options),
  };
}
