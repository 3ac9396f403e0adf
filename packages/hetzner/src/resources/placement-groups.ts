import { z } from 'zod';

import { deleteOrGone, listAll, type Api, type CallOptions } from '../api.ts';
import { toLabelSelector, type Labels } from '../labels.ts';

/** Servers of one group are on different hosts. */
export interface PlacementGroup {
  id: number;
  name: string;
  serverIds: readonly number[];
  labels: Labels;
}

export interface PlacementGroupsResource {
  list(filter?: { labels?: Labels }, options?: CallOptions): Promise<PlacementGroup[]>;
  findByName(name: string, options?: CallOptions): Promise<PlacementGroup | undefined>;
  create(group: { name: string; labels?: Labels }, options?: CallOptions): Promise<PlacementGroup>;
  delete(id: number, options?: CallOptions): Promise<'deleted' | 'gone'>;
}

const groupSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    servers: z.array(z.int()),
    labels: z.record(z.string(), z.string()),
  })
  .transform(({ servers, ...rest }): PlacementGroup => ({ ...rest, serverIds: servers }));

const groupReply = z
  .object({ placement_group: groupSchema })
  .transform((reply) => reply.placement_group);

export function placementGroupsResource(api: Api): PlacementGroupsResource {
  const collection = { path: '/placement_groups', key: 'placement_groups', item: groupSchema };
  return {
    list: ({ labels } = {}, options) => {
      const query = { sort: 'id:asc', label_selector: labels && toLabelSelector(labels) };
      return listAll(api, { ...collection, query }, options);
    },
    findByName: async (name, options) =>
      (await listAll(api, { ...collection, query: { name } }, options))[0],
    create: ({ name, labels }, options) => {
      const body = { name, type: 'spread', labels: labels ?? {} };
      const call = { method: 'POST', path: collection.path, body } as const;
      return api.send({ ...call, reply: groupReply }, options);
    },
    delete: (id, options) => deleteOrGone(api, `/placement_groups/${id}`, options),
  };
}
