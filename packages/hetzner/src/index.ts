export type { Action } from './actions/action.ts';
export type { ActionsResource } from './actions/actions.ts';
export type { WaitResult } from './actions/watch-actions.ts';
export type { CallOptions } from './api.ts';
export { createHetznerClient, type HetznerClient, type HetznerClientOptions } from './client.ts';
export {
  hasCode,
  HetznerApiError,
  HetznerBudgetError,
  HetznerConnectionError,
  HetznerError,
  HetznerReplyError,
  type ErrorDetails,
  type HetznerErrorCode,
} from './errors.ts';
export type { Priority, RequestBudget } from './handlers/request-budget.ts';
export { findLabelProblems, hasLabels, toLabelSelector, type Labels } from './labels.ts';
export type {
  CreateRefusal,
  CreateServerResult,
  ServerRequest,
} from './resources/create-server.ts';
export type { Firewall, FirewallTarget } from './resources/firewalls.ts';
export type { Image } from './resources/images.ts';
export type { Location } from './resources/locations.ts';
export type { Network } from './resources/networks.ts';
export type { PlacementGroup } from './resources/placement-groups.ts';
export type { PrimaryIp } from './resources/primary-ips.ts';
export type { Pricing } from './resources/pricing.ts';
export type { Server, ServerStatus } from './resources/server.ts';
export type { Deprecation, ServerType } from './resources/server-types.ts';
export type { DeleteServerResult, PowerAction } from './resources/servers.ts';
export type { SshKey } from './resources/ssh-keys.ts';
