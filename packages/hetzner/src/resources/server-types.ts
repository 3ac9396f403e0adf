import { z } from 'zod';

import { listAll, type Api, type CallOptions } from '../api.ts';
import { locationPriceSchema, type LocationPrice } from '../prices/price-schema.ts';
import { timestampSchema } from './timestamp.ts';

export interface Deprecation {
  announcedAt: Date;
  /** From then on no more can be ordered. */
  unavailableAfter: Date;
}

export interface ServerType {
  id: number;
  name: string;
  architecture: 'x86' | 'arm';
  cpuType: 'shared' | 'dedicated';
  cpus: number;
  memoryBytes: number;
  diskBytes: number;
  /** Net. A type has a price also where it is not offered. */
  prices: readonly LocationPrice[];
  /** Where it is offered at all. `isAvailable` is a hint: an order may be refused all the same. */
  locations: readonly { name: string; isAvailable: boolean; deprecation: Deprecation | null }[];
}

export interface ServerTypesResource {
  list(options?: CallOptions): Promise<ServerType[]>;
  findByName(name: string, options?: CallOptions): Promise<ServerType | undefined>;
}

const deprecationSchema = z
  .object({ announced: timestampSchema, unavailable_after: timestampSchema })
  .transform((wire): Deprecation => ({
    announcedAt: wire.announced,
    unavailableAfter: wire.unavailable_after,
  }));

const wireSchema = z.object({
  id: z.int(),
  name: z.string(),
  architecture: z.enum(['x86', 'arm']),
  cpu_type: z.enum(['shared', 'dedicated']),
  cores: z.number(),
  memory: z.number(),
  disk: z.number(),
  prices: z.array(locationPriceSchema),
  locations: z.array(
    z.object({
      name: z.string(),
      available: z.boolean(),
      deprecation: deprecationSchema.nullish(),
    }),
  ),
});

// "GB" of memory are powers of two and those of disk are powers of ten, as seen on the servers.
const MEMORY_UNIT_BYTES = 2 ** 30;
const DISK_UNIT_BYTES = 10 ** 9;

const serverTypeSchema = wireSchema.transform((wire): ServerType => ({
  id: wire.id,
  name: wire.name,
  architecture: wire.architecture,
  cpuType: wire.cpu_type,
  cpus: wire.cores,
  memoryBytes: Math.round(wire.memory * MEMORY_UNIT_BYTES),
  diskBytes: Math.round(wire.disk * DISK_UNIT_BYTES),
  prices: wire.prices,
  locations: wire.locations.map(({ name, available, deprecation }) => ({
    name,
    isAvailable: available,
    deprecation: deprecation ?? null,
  })),
}));

export function serverTypesResource(api: Api): ServerTypesResource {
  const collection = { path: '/server_types', key: 'server_types', item: serverTypeSchema };
  return {
    list: (options) => listAll(api, collection, options),
    findByName: async (name, options) =>
      (await listAll(api, { ...collection, query: { name } }, options))[0],
  };
}
