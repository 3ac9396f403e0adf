import { z } from 'zod';

import { deleteOrGone, listAll, type Api, type CallOptions } from '../api.ts';
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
  /** What a snapshot is billed by; null while it is being made. */
  sizeBytes: number | null;
  /** Can not be deleted before the protection is taken off. */
  isProtected: boolean;
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
  /** Snapshots only. Servers made from it stay. */
  delete(id: number, options?: CallOptions): Promise<'deleted' | 'gone'>;
}

// As with disks: "GB" are powers of ten.
const SIZE_UNIT_BYTES = 10 ** 9;

export const imageSchema = z
  .object({
    id: z.int(),
    type: z.enum(['system', 'app', 'snapshot', 'backup', 'unknown']).catch('unknown'),
    name: z.string().nullable(),
    description: z.string(),
    architecture: z.enum(['x86', 'arm']),
    status: z.enum(['available', 'creating', 'unavailable']),
    created: timestampSchema,
    image_size: z.number().nullish(),
    protection: z.object({ delete: z.boolean() }).optional(),
    deprecated: timestampSchema.nullish(),
    labels: z.record(z.string(), z.string()),
  })
  .transform(({ created, deprecated, image_size: size, protection, ...rest }): Image => ({
    ...rest,
    createdAt: created,
    sizeBytes: size == null ? null : Math.round(size * SIZE_UNIT_BYTES),
    isProtected: protection?.delete ?? false,
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
    delete: (id, options) => deleteOrGone(api, `/images/${id}`, options),
  };
}
