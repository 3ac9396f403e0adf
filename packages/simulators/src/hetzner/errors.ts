/** Every error of the API by its code, with the HTTP status it has unless an operation says otherwise. */
export const API_ERROR_STATUS = {
  json_error: 400,
  unauthorized: 401,
  token_readonly: 401,
  forbidden: 403,
  maintenance: 403,
  resource_limit_exceeded: 403,
  not_found: 404,
  method_not_allowed: 405,
  uniqueness_error: 409,
  conflict: 409,
  deprecated_api_endpoint: 410,
  resource_unavailable: 412,
  primary_ip_version_mismatch: 412,
  invalid_input: 422,
  service_error: 422,
  unsupported_error: 422,
  placement_error: 422,
  primary_ip_assigned: 422,
  primary_ip_already_assigned: 422,
  primary_ip_datacenter_mismatch: 422,
  must_be_unassigned: 422,
  server_has_ipv4: 422,
  server_has_ipv6: 422,
  invalid_server_type: 422,
  server_not_stopped: 422,
  server_already_attached: 422,
  ip_not_available: 422,
  no_subnet_available: 422,
  networks_overlap: 422,
  already_in_placement_group: 422,
  server_already_added: 422,
  incompatible_network_type: 422,
  firewall_resource_not_found: 404,
  firewall_already_applied: 422,
  firewall_managed_by_label_selector: 422,
  private_net_only_server: 422,
  resource_in_use: 422,
  locked: 423,
  protected: 423,
  rate_limit_exceeded: 429,
  server_error: 500,
  bad_gateway: 502,
  unavailable: 503,
  timeout: 504,
} as const;

export type ApiErrorCode = keyof typeof API_ERROR_STATUS;

/** What a handler answers instead of a result; thrown before it has changed anything. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>> | null;

  constructor(
    code: ApiErrorCode,
    message: string,
    options: { details?: Record<string, unknown>; status?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.status = options.status ?? API_ERROR_STATUS[code];
    this.details = options.details ?? null;
  }
}

export function invalidInput(field: string, reason: string): ApiError {
  return new ApiError('invalid_input', `invalid input in field '${field}': ${reason}`, {
    details: { fields: [{ name: field, messages: [reason] }] },
  });
}

export function notFound(what: string): ApiError {
  return new ApiError('not_found', `${what} not found`);
}

export function notUnique(field: string, message: string): ApiError {
  return new ApiError('uniqueness_error', message, { details: { fields: [{ name: field }] } });
}

export function limitExceeded(limit: string, message: string): ApiError {
  return new ApiError('resource_limit_exceeded', message, {
    details: { limits: [{ name: limit }] },
  });
}
