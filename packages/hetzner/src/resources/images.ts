import { z } from 'zod';

import { listAll, type Api, type CallOptions } from '../api.ts';
import { toLabelSelector, type Labels } from '../labels.ts';
import { timestampSchema } from './timestamp.ts';

export interface Image {
  id: number;
  type: 'system' | 'app' | 'snapshot' | 'backup' | 'unknown';
  /** Null: a snapshot, which has a description only. */
  name: string | null;
  description: string;
  architecture: 'x86' | 'arm';
  status: 'available' | 'creating' | 'unavailable';
  createdAt: Date;
  isDeprecated: boolean;
  labels: Labels;
}

export interface ImageFilter {
  type?: 'system' | 'snapshot';
  architecture?: 'x86' | 'arm';
  labels?: Labels;
}

export interface ImagesResource {
  list(filter?: ImageFilter, options?: CallOptions): Promise<Image[]>;
  get(id: number, options?: CallOptions): Promise<Image>;
  /** A name stands for one image for each architecture. */
  findByName(
    image: { name: string; architecture: 'x86' | 'arm' },
    options?: CallOptions,
  ): Promise<Image | undefined>;
}

export const imageSchema = z
  .object({
    id: z.int(),
    type: z.enum(['system', 'app', 'snapshot', 'backup', 'unknown']).catch('unknown'),
    name: z.string().nullable(),
    description: z.string(),
    architecture: z.enum(['x86', 'arm']),
    status: z.enum(['available', 'creating', 'unavailable']),
    created: timestampSchema,
    deprecated: timestampSchema.nullish(),
    labels: z.record(z.string(), z.string()),
  })
  .transform(({ created, deprecated, ...rest }): Image => ({
    ...rest,
    createdAt: created,
    isDeprecated: deprecated != null,
  }));

const imageReply = z.object({ image: imageSchema }).transform(({ image }) => image);

export function imagesResource(api: Api): ImagesResource {
  const collection = { path: '/images', key: 'images', item: imageSchema };
  return {
    list: ({ type, architecture, labels } = {}, options) => {
      const selector = labels && toLabelSelector(labels);
      const query = { sort: 'id:asc', type, architecture, label_selector: selector };
      return listAll(api, { ...collection, query }, options);
    },
    get: (id, options) =>
      api.send({ method: 'GET', path: `/images/${id}`, reply: imageReply }, options),
    findByName: async ({ name, architecture }, options) =>
      (await listAll(api, { ...collection, query: { name, architecture } }, options))[0],
  };
}
