import { z } from 'zod';

import { listAll, type Api, type CallOptions } from '../api.ts';

export interface Location {
  id: number;
  name: string;
  description: string;
  country: string;
  city: string;
  /** A network reaches servers of its zone only. */
  networkZone: string;
}

export interface LocationsResource {
  list(options?: CallOptions): Promise<Location[]>;
  findByName(name: string, options?: CallOptions): Promise<Location | undefined>;
}

const locationSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    description: z.string(),
    country: z.string(),
    city: z.string(),
    network_zone: z.string(),
  })
  .transform(({ network_zone: networkZone, ...rest }): Location => ({ ...rest, networkZone }));

export function locationsResource(api: Api): LocationsResource {
  const collection = { path: '/locations', key: 'locations', item: locationSchema };
  return {
    list: (options) => listAll(api, collection, options),
    findByName: async (name, options) =>
      (await listAll(api, { ...collection, query: { name } }, options))[0],
  };
}
