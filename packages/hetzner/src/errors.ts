/**
 * Codes that the API documents, or is seen to send, on the routes used here. It may send others:
 * `HetznerApiError.code` is any text, and this list is for comparing without misspelling.
 */
export type HetznerErrorCode =
  | 'already_in_placement_group'
  | 'bad_gateway'
  | 'conflict'
  | 'deprecated_api_endpoint'
  | 'firewall_already_applied'
  | 'firewall_managed_by_label_selector'
  | 'firewall_resource_not_found'
  | 'forbidden'
  | 'incompatible_network_type'
  | 'invalid_input'
  | 'invalid_server_type'
  | 'ip_not_available'
  | 'json_error'
  | 'locked'
  | 'maintenance'
  | 'method_not_allowed'
  | 'networks_overlap'
  | 'no_subnet_available'
  | 'not_found'
  | 'placement_error'
  | 'private_net_only_server'
  | 'protected'
  | 'rate_limit_exceeded'
  | 'resource_in_use'
  | 'resource_limit_exceeded'
  | 'resource_unavailable'
  | 'server_already_added'
  | 'server_already_attached'
  | 'server_error'
  | 'server_not_stopped'
  | 'service_error'
  | 'timeout'
  | 'token_readonly'
  | 'unauthorized'
  | 'unavailable'
  | 'uniqueness_error'
  | 'unsupported_error';

/** What an error reply may add. All of it is optional on the wire; what is missing is empty here. */
export interface ErrorDetails {
  /** Of `invalid_input` and `uniqueness_error`. */
  fields: readonly { name: string; messages: readonly string[] }[];
  /** Of `resource_limit_exceeded`. */
  limits: readonly string[];
  /** Of `deprecated_api_endpoint`: where the change is explained. */
  announcement: string | null;
}

/** Any failure of a call. No request header and no body is ever part of one. */
export abstract class HetznerError extends Error {
  /** Method and path, `POST /servers`. */
  readonly operation: string;
  /**
   * The call may have changed something, at its last try or an earlier one: what it was to make
   * has to be looked for before it is made again.
   */
  mayHaveActed: boolean;

  constructor(operation: string, explanation: string, mayHaveActed: boolean) {
    super(`could not ${operation}: ${explanation}`);
    this.operation = operation;
    this.mayHaveActed = mayHaveActed;
  }
}

/** The API answered, and not with success. */
export class HetznerApiError extends HetznerError {
  override readonly name = 'HetznerApiError';
  readonly status: number;
  /** Null if the reply carried none: it then came from something in front of the API. */
  readonly code: string | null;
  readonly details: ErrorDetails;
  /** To be quoted to Hetzner's support. */
  readonly correlationId: string | null;
  /** With `rate_limit_exceeded`: when there will be room for a call like this one. */
  readonly retryAt: Date | null;

  constructor(
    operation: string,
    reply: {
      status: number;
      code: string | null;
      message: string;
      details: ErrorDetails;
      correlationId: string | null;
      retryAt: Date | null;
      mayHaveActed: boolean;
    },
  ) {
    const known = [
      ...(reply.code === null ? [] : [reply.code]),
      `status ${reply.status}`,
      ...(reply.correlationId === null ? [] : [`correlation id ${reply.correlationId}`]),
    ];
    super(operation, `${reply.message} (${known.join(', ')})`, reply.mayHaveActed);
    this.status = reply.status;
    this.code = reply.code;
    this.details = reply.details;
    this.correlationId = reply.correlationId;
    this.retryAt = reply.retryAt;
  }
}

/** `unreachable`: nothing was sent. `lost`: the connection broke. `timeout`: no full answer in time. */
export type ConnectionFailure = 'unreachable' | 'lost' | 'timeout';

/** No answer came, or only a part of one. */
export class HetznerConnectionError extends HetznerError {
  override readonly name = 'HetznerConnectionError';
  readonly reason: ConnectionFailure;

  constructor(
    operation: string,
    failure: { reason: ConnectionFailure; explanation: string; mayHaveActed: boolean },
  ) {
    super(operation, failure.explanation, failure.mayHaveActed);
    this.reason = failure.reason;
  }
}

/** Not sent: what is left of the project's requests is kept for calls of a higher priority. */
export class HetznerBudgetError extends HetznerError {
  override readonly name = 'HetznerBudgetError';
  readonly retryAt: Date;

  constructor(operation: string, retryAt: Date) {
    super(operation, `the request budget has no room for it until ${retryAt.toISOString()}`, false);
    this.retryAt = retryAt;
  }
}

/** The API answered with success and something that is not what it documents. */
export class HetznerReplyError extends HetznerError {
  override readonly name = 'HetznerReplyError';
}

/** True for an answer of the API with one of these codes. */
export function hasCode(
  error: unknown,
  ...codes: readonly HetznerErrorCode[]
): error is HetznerApiError {
  return error instanceof HetznerApiError && codes.some((code) => code === error.code);
}
