import { setTimeout as sleepFor } from 'node:timers/promises';

import type { Secret } from '@nexus/kit/config';
import { AppError } from '@nexus/kit/errors';
import { silentLogger, type Logger } from '@nexus/kit/logger';

import { actionsResource, type ActionsResource } from './actions/actions.ts';
import type { Api, ApiCall, CallOptions } from './api.ts';
import { authenticate } from './handlers/authenticate.ts';
import { budgetRequests } from './handlers/budget-requests.ts';
import { checkStatus } from './handlers/check-status.ts';
import type { ApiRequest, Handler, Method } from './handlers/handler.ts';
import { logRequests } from './handlers/log-requests.ts';
import { parseReply } from './handlers/parse-reply.ts';
import type { Priority, RequestBudget } from './handlers/request-budget.ts';
import { retryRequests } from './handlers/retry-requests.ts';
import { transmit } from './handlers/transmit.ts';
import { firewallsResource, type FirewallsResource } from './resources/firewalls.ts';
import { imagesResource, type ImagesResource } from './resources/images.ts';
import { locationsResource, type LocationsResource } from './resources/locations.ts';
import { networksResource, type NetworksResource } from './resources/networks.ts';
import {
  placementGroupsResource,
  type PlacementGroupsResource,
} from './resources/placement-groups.ts';
import { primaryIpsResource, type PrimaryIpsResource } from './resources/primary-ips.ts';
import { pricingResource, type PricingResource } from './resources/pricing.ts';
import { serverTypesResource, type ServerTypesResource } from './resources/server-types.ts';
import { serversResource, type ServersResource } from './resources/servers.ts';
import { sshKeysResource, type SshKeysResource } from './resources/ssh-keys.ts';
import type { Timing } from './timing.ts';

export interface HetznerClientOptions extends Partial<Timing> {
  /** With the version, `https://api.hetzner.cloud/v1`. Plain HTTP goes to this machine only. */
  endpoint?: string;
  token: Secret;
  /** Ends every call of this client. */
  signal?: AbortSignal;
  logger?: Logger;
  /** For one try, from connecting to the last byte. */
  tryTimeoutMs?: number;
  fetch?: typeof globalThis.fetch;
}

/**
 * One project of the Hetzner Cloud. What fails is thrown as a HetznerError, or as the reason of the
 * signal that ended it; failures that are part of the business (sold out, gone already, an action
 * that failed) are values.
 */
export interface HetznerClient {
  actions: ActionsResource;
  firewalls: FirewallsResource;
  images: ImagesResource;
  locations: LocationsResource;
  networks: NetworksResource;
  placementGroups: PlacementGroupsResource;
  primaryIps: PrimaryIpsResource;
  pricing: PricingResource;
  serverTypes: ServerTypesResource;
  servers: ServersResource;
  sshKeys: SshKeysResource;
  /** How many requests the project has left. */
  requestBudget: () => RequestBudget;
}

const DEFAULT_ENDPOINT = 'https://api.hetzner.cloud/v1';
const TRY_TIMEOUT_MS = 30_000;

export function createHetznerClient(options: HetznerClientOptions): HetznerClient {
  const {
    logger = silentLogger,
    now = () => new Date(),
    sleep = sleepUnlessAborted,
    random = Math.random,
  } = options;
  const transmitter = transmit({
    endpoint: checkEndpoint(options.endpoint ?? DEFAULT_ENDPOINT),
    fetch: options.fetch ?? globalThis.fetch,
    tryTimeoutMs: options.tryTimeoutMs ?? TRY_TIMEOUT_MS,
    now,
  });
  const logged = logRequests(authenticate(transmitter, options.token), { logger, now });
  const budgeted = budgetRequests(logged, now);
  const retried = retryRequests(checkStatus(budgeted.handle), { now, sleep, random, logger });
  const api = createApi(retried, options.signal);
  const actions = actionsResource(api, { now, sleep });
  return {
    actions,
    firewalls: firewallsResource(api),
    images: imagesResource(api),
    locations: locationsResource(api),
    networks: networksResource(api),
    placementGroups: placementGroupsResource(api),
    primaryIps: primaryIpsResource(api),
    pricing: pricingResource(api),
    serverTypes: serverTypesResource(api),
    servers: serversResource(api, actions),
    sshKeys: sshKeysResource(api),
    requestBudget: budgeted.budget,
  };
}

const PRIORITY: Readonly<Record<Method, Priority>> = {
  DELETE: 'delete',
  POST: 'create',
  PUT: 'create',
  GET: 'read',
};

function createApi(handle: Handler, clientSignal: AbortSignal | undefined): Api {
  return {
    send: async (call, options) => {
      const request = toRequest(call, options, clientSignal);
      return parseReply(request, await handle(request), call.reply);
    },
  };
}

function toRequest(
  call: ApiCall<unknown>,
  options: CallOptions = {},
  clientSignal: AbortSignal | undefined,
): ApiRequest {
  const signals = [clientSignal, options.signal].filter((signal) => signal !== undefined);
  return {
    method: call.method,
    path: call.path,
    query: call.query ?? {},
    body: call.body,
    headers: {
      accept: 'application/json',
      'user-agent': 'nexus-platform',
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    priority: options.priority ?? PRIORITY[call.method],
    isRepeatable: call.isRepeatable ?? true,
    signal: signals.length > 1 ? AbortSignal.any(signals) : signals[0],
    deadline: options.deadline,
  };
}

/** Ends with the reason of the signal, as everything here does; Node's own hides it in `cause`. */
async function sleepUnlessAborted(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleepFor(delayMs, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** The token never crosses a network in clear. */
function checkEndpoint(endpoint: string): string {
  const url = URL.parse(endpoint);
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '');
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal))
    return endpoint.replace(/\/+$/, '');
  throw new AppError(
    'invalid_request',
    'the Hetzner endpoint must be an https:// address, or http:// on this machine',
  );
}
