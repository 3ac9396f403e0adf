import { z } from 'zod';

import { actionSchema, type Action } from '../actions/action.ts';
import { hasCode, type HetznerApiError } from '../errors.ts';
import type { Labels } from '../labels.ts';
import { serverSchema, type Server } from './server.ts';

export interface ServerRequest {
  /** Unique in the project, and a valid host name. Deterministic, so that a lost reply can be found. */
  name: string;
  serverType: string;
  location: string;
  /** Id, or name of a system image. */
  image: number | string;
  /** Ids. Without any, Hetzner makes a root password, which nobody gets to see here. */
  sshKeys: readonly number[];
  /** Ids; in force before the first boot. */
  firewalls?: readonly number[];
  networks?: readonly number[];
  placementGroup?: number | undefined;
  /** At most 32 KiB. Whoever is on the server can read it for as long as the server lives. */
  userData?: string | undefined;
  labels: Labels;
  /** True by default, and billed on its own. */
  hasIpv4?: boolean;
  /** True by default, and free. */
  hasIpv6?: boolean;
}

export type CreateRefusal =
  /** Nothing of this type here, now: try elsewhere, and here again later. */
  | 'sold_out'
  /** This type is not offered here, or not any more. */
  | 'not_offered'
  /** The account may not have more; no other type or location helps. */
  | 'account_limit'
  /** Somebody else's server has that name. */
  | 'name_taken';

export type CreateServerResult =
  /** `actions` are all that must end well before the server is one. */
  | { kind: 'created'; server: Server; actions: Action[] }
  /** It was there already, made by an earlier try or an earlier self. It may be of another type. */
  | { kind: 'adopted'; server: Server; actions: Action[] }
  /** No server was made. */
  | { kind: 'refused'; reason: CreateRefusal; error: HetznerApiError };

export function toCreateBody(request: ServerRequest): Record<string, unknown> {
  return {
    name: request.name,
    server_type: request.serverType,
    location: request.location,
    image: request.image,
    ssh_keys: request.sshKeys,
    firewalls: (request.firewalls ?? []).map((firewall) => ({ firewall })),
    networks: request.networks ?? [],
    ...(request.placementGroup === undefined ? {} : { placement_group: request.placementGroup }),
    ...(request.userData === undefined ? {} : { user_data: request.userData }),
    labels: request.labels,
    public_net: {
      enable_ipv4: request.hasIpv4 ?? true,
      enable_ipv6: request.hasIpv6 ?? true,
    },
    start_after_create: true,
  };
}

export const createServerReply = z
  .object({
    server: serverSchema,
    action: actionSchema,
    next_actions: z.array(actionSchema).default([]),
  })
  .transform(({ server, action, next_actions: next }) => ({ server, actions: [action, ...next] }));

/** Undefined: not a matter of type, place or number, so no other choice of them would help. */
export function refusalOf(error: HetznerApiError): CreateRefusal | undefined {
  if (hasCode(error, 'resource_unavailable', 'placement_error')) return 'sold_out';
  if (hasCode(error, 'resource_limit_exceeded')) return 'account_limit';
  if (hasCode(error, 'uniqueness_error')) return 'name_taken';
  if (hasCode(error, 'invalid_server_type')) return 'not_offered';
  return hasCode(error, 'invalid_input') && isAboutOffer(error) ? 'not_offered' : undefined;
}

/** The API has no code for it. Both the fields and the text were seen, and fields may be missing. */
function isAboutOffer({ details, message }: HetznerApiError): boolean {
  return (
    details.fields.some(({ name }) => name === 'server_type' || name === 'location') ||
    /location|server.?type/i.test(message)
  );
}
