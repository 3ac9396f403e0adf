/**
 * Every failure that crosses a process boundary has a code from this one table.
 * `retryable` means: the same request, sent again later, may succeed.
 */
export const ERROR_CODES = {
  invalid_request: { status: 400, retryable: false, message: 'the request is not valid' },
  unauthorized: {
    status: 401,
    retryable: false,
    message: 'the API key is missing, wrong or revoked',
  },
  forbidden: { status: 403, retryable: false, message: 'this key may not do that' },
  not_found: { status: 404, retryable: false, message: 'there is nothing by that name here' },
  conflict: {
    status: 409,
    retryable: false,
    message: 'the request does not fit the current state',
  },
  upload_offset_mismatch: {
    status: 409,
    retryable: true,
    message: 'the upload stands at another offset',
  },
  digest_mismatch: {
    status: 422,
    retryable: true,
    message: 'the bytes do not have the SHA-256 they were sent under',
  },
  lease_lost: { status: 409, retryable: false, message: 'the lease is held by someone else now' },
  payload_too_large: { status: 413, retryable: false, message: 'the request is too large' },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    message: 'the body is of a type that is not taken here',
  },
  rate_limited: { status: 429, retryable: true, message: 'too many requests' },
  internal: { status: 500, retryable: true, message: 'something went wrong on our side' },
  unavailable: { status: 503, retryable: true, message: 'the platform is not ready' },
  disk_full: { status: 507, retryable: true, message: 'the platform has no disk space left' },
} as const satisfies Record<string, { status: number; retryable: boolean; message: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A failure its caller cannot handle on the spot. `message` names the operation and its subject. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string = ERROR_CODES[code].message,
    options: { details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get status(): number {
    return ERROR_CODES[this.code].status;
  }

  get isRetryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}

/** For errors of Node's own calls: `ENOENT`, `EADDRINUSE`, …; undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Ends an exhaustive switch: the compiler refuses the call while a case is missing. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${String(value)}`);
}
