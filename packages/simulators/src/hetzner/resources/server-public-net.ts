import { z } from 'zod';

import type { Call } from '../call.ts';
import type { Location } from '../catalogue/locations.ts';
import { checkAssignable } from '../create-primary-ip.ts';
import { notFound } from '../errors.ts';
import type { PrimaryIp } from '../state.ts';
import { idSchema } from './resource.ts';

export const publicNetSchema = z.object({
  enable_ipv4: z.boolean().default(true),
  enable_ipv6: z.boolean().default(true),
  ipv4: idSchema.nullish(),
  ipv6: idSchema.nullish(),
});

/** Per family an address of the project, a new one, or none. */
export interface PublicNet {
  ipv4: PrimaryIp | 'new' | null;
  ipv6: PrimaryIp | 'new' | null;
}

export function choosePublicNet(
  call: Call,
  location: Location,
  wanted: z.infer<typeof publicNetSchema>,
): PublicNet {
  const choose = (type: 'ipv4' | 'ipv6'): PrimaryIp | 'new' | null => {
    const id = wanted[type];
    if (!wanted[`enable_${type}`]) return null;
    if (id == null) return 'new';
    const ip = call.project.primaryIps.get(id);
    if (!ip) throw notFound('primary IP');
    checkAssignable(ip, { type, location });
    return ip;
  };
  return { ipv4: choose('ipv4'), ipv6: choose('ipv6') };
}
