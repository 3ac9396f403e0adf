import { z } from 'zod';

import type { Labels } from '../labels.ts';
import { timestampSchema } from './timestamp.ts';

const SERVER_STATUSES = [
  'running',
  'initializing',
  'starting',
  'stopping',
  'off',
  'deleting',
  'migrating',
  'rebuilding',
  'unknown',
] as const;

export type ServerStatus = (typeof SERVER_STATUSES)[number];

export interface Server {
  id: number;
  name: string;
  /** `off` is also a step on the way from `initializing` to `running`. */
  status: ServerStatus;
  /** Started hours are counted from here. */
  createdAt: Date;
  serverType: string;
  architecture: 'x86' | 'arm';
  location: string;
  labels: Labels;
  /** Another action is under way. */
  isLocked: boolean;
  /** Can not be deleted before the protection is taken off. */
  isProtected: boolean;
  /** Null: it has none, by order or because none was left. */
  ipv4: string | null;
  /** The network, `2001:db8::/64`. */
  ipv6: string | null;
  privateNetworks: readonly { networkId: number; ip: string | null }[];
  firewalls: readonly { id: number; status: 'applied' | 'pending' }[];
  /** Null: the image was deleted since. */
  imageId: number | null;
  placementGroupId: number | null;
}

const addressSchema = z.object({ ip: z.string() }).transform(({ ip }) => ip);
const idSchema = z.object({ id: z.int() }).transform(({ id }) => id);

const wireSchema = z.object({
  id: z.int(),
  name: z.string(),
  // A status that Hetzner adds is one that we know nothing of.
  status: z.enum(SERVER_STATUSES).catch('unknown'),
  created: timestampSchema,
  server_type: z.object({ name: z.string(), architecture: z.enum(['x86', 'arm']) }),
  location: z.object({ name: z.string() }),
  labels: z.record(z.string(), z.string()),
  locked: z.boolean(),
  protection: z.object({ delete: z.boolean() }),
  public_net: z.object({
    ipv4: addressSchema.nullable(),
    ipv6: addressSchema.nullable(),
    firewalls: z
      .array(z.object({ id: z.int(), status: z.enum(['applied', 'pending']).catch('pending') }))
      .default([]),
  }),
  // Every field of an attachment is optional.
  private_net: z
    .array(z.object({ network: z.int().optional(), ip: z.string().optional() }))
    .default([]),
  image: idSchema.nullable(),
  placement_group: idSchema.nullish(),
});

/** The root password of a reply to create is not among the fields, so it is never held. */
export const serverSchema = wireSchema.transform((wire): Server => ({
  id: wire.id,
  name: wire.name,
  status: wire.status,
  createdAt: wire.created,
  serverType: wire.server_type.name,
  architecture: wire.server_type.architecture,
  location: wire.location.name,
  labels: wire.labels,
  isLocked: wire.locked,
  isProtected: wire.protection.delete,
  ipv4: wire.public_net.ipv4,
  ipv6: wire.public_net.ipv6,
  privateNetworks: wire.private_net.flatMap(({ network, ip }) =>
    network === undefined ? [] : { networkId: network, ip: ip ?? null },
  ),
  firewalls: wire.public_net.firewalls,
  imageId: wire.image,
  placementGroupId: wire.placement_group ?? null,
}));
