import { z } from 'zod';

import { deleteOrGone, listAll, type Api, type CallOptions } from '../api.ts';
import { toLabelSelector, type Labels } from '../labels.ts';

export interface Network {
  id: number;
  name: string;
  ipRange: string;
  subnets: readonly { ipRange: string | null; networkZone: string }[];
  serverIds: readonly number[];
  labels: Labels;
}

export interface NetworkRequest {
  name: string;
  /** Private, /24 or larger. */
  ipRange: string;
  /** One for each network zone that servers are in. */
  subnets: readonly { ipRange: string; networkZone: string }[];
  labels?: Labels;
}

export interface NetworksResource {
  list(filter?: { labels?: Labels }, options?: CallOptions): Promise<Network[]>;
  get(id: number, options?: CallOptions): Promise<Network>;
  findByName(name: string, options?: CallOptions): Promise<Network | undefined>;
  create(request: NetworkRequest, options?: CallOptions): Promise<Network>;
  delete(id: number, options?: CallOptions): Promise<'deleted' | 'gone'>;
}

const networkSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    ip_range: z.string(),
    subnets: z.array(z.object({ ip_range: z.string().nullish(), network_zone: z.string() })),
    servers: z.array(z.int()),
    labels: z.record(z.string(), z.string()),
  })
  .transform((wire): Network => ({
    id: wire.id,
    name: wire.name,
    ipRange: wire.ip_range,
    subnets: wire.subnets.map((subnet) => ({
      ipRange: subnet.ip_range ?? null,
      networkZone: subnet.network_zone,
    })),
    serverIds: wire.servers,
    labels: wire.labels,
  }));

const networkReply = z.object({ network: networkSchema }).transform(({ network }) => network);

export function networksResource(api: Api): NetworksResource {
  const collection = { path: '/networks', key: 'networks', item: networkSchema };
  return {
    list: ({ labels } = {}, options) => {
      const query = { sort: 'id:asc', label_selector: labels && toLabelSelector(labels) };
      return listAll(api, { ...collection, query }, options);
    },
    get: (id, options) =>
      api.send({ method: 'GET', path: `/networks/${id}`, reply: networkReply }, options),
    findByName: async (name, options) =>
      (await listAll(api, { ...collection, query: { name } }, options))[0],
    create: (request, options) => {
      const call = { method: 'POST', path: '/networks', body: toBody(request) } as const;
      return api.send({ ...call, reply: networkReply }, options);
    },
    delete: (id, options) => deleteOrGone(api, `/networks/${id}`, options),
  };
}

function toBody({ name, ipRange, subnets, labels }: NetworkRequest): Record<string, unknown> {
  return {
    name,
    ip_range: ipRange,
    subnets: subnets.map((subnet) => ({
      type: 'cloud',
      ip_range: subnet.ipRange,
      network_zone: subnet.networkZone,
    })),
    labels: labels ?? {},
  };
}
