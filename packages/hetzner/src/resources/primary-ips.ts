import { z } from 'zod';

import { deleteOrGone, listAll, type Api, type CallOptions } from '../api.ts';
import { toLabelSelector, type Labels } from '../labels.ts';
import { timestampSchema } from './timestamp.ts';

/** An address; those made with a server have no labels, and go with it. */
export interface PrimaryIp {
  id: number;
  name: string;
  type: 'ipv4' | 'ipv6';
  ip: string;
  location: string;
  /** Of the server it is assigned to; null: to nothing, and an IPv4 address bills all the same. */
  serverId: number | null;
  createdAt: Date;
  isProtected: boolean;
  labels: Labels;
}

export interface PrimaryIpsResource {
  list(filter?: { labels?: Labels }, options?: CallOptions): Promise<PrimaryIp[]>;
  /** Throws `must_be_unassigned`, and `protected`. */
  delete(id: number, options?: CallOptions): Promise<'deleted' | 'gone'>;
}

const primaryIpSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    type: z.enum(['ipv4', 'ipv6']),
    ip: z.string(),
    location: z.object({ name: z.string() }),
    assignee_id: z.int().nullish(),
    created: timestampSchema,
    protection: z.object({ delete: z.boolean() }),
    labels: z.record(z.string(), z.string()),
  })
  .transform(({ assignee_id: serverId, created, location, protection, ...rest }): PrimaryIp => ({
    ...rest,
    location: location.name,
    serverId: serverId ?? null,
    createdAt: created,
    isProtected: protection.delete,
  }));

export function primaryIpsResource(api: Api): PrimaryIpsResource {
  const collection = { path: '/primary_ips', key: 'primary_ips', item: primaryIpSchema };
  return {
    list: ({ labels } = {}, options) => {
      const query = { sort: 'id:asc', label_selector: labels && toLabelSelector(labels) };
      return listAll(api, { ...collection, query }, options);
    },
    delete: (id, options) => deleteOrGone(api, `/primary_ips/${id}`, options),
  };
}
