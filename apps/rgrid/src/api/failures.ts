import { EXIT } from '../exit-codes.ts';
import { Problem } from '../problem.ts';

/** The platform answered, and the answer is no. */
export class ApiError extends Problem {
  readonly status: number;
  readonly code: string;
  readonly isRetryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(status: number, body: ErrorReply) {
    super(messageOf(body), exitCodeOf(status));
    this.status = status;
    this.code = body.code;
    this.isRetryable = body.retryable;
    this.details = body.details ?? {};
  }
}

export interface ErrorReply {
  code: string;
  message: string;
  retryable: boolean;
  details?: Record<string, unknown>;
  errorId?: string;
}

/** No answer: refused, reset, timed out, or cut off in the middle. */
export class ConnectionProblem extends Problem {
  /** `ECONNREFUSED`, …: the system's word for it. */
  readonly code: string;
  /** The request cannot have reached the platform. */
  readonly wasNeverSent: boolean;
  /** It was a kept-alive connection, which the other side may have closed long ago. */
  readonly isStale: boolean;

  constructor(
    message: string,
    options: { code: string; wasNeverSent: boolean; isStale?: boolean; cause?: unknown },
  ) {
    super(message, EXIT.platform, { cause: options.cause });
    this.code = options.code;
    this.wasNeverSent = options.wasNeverSent;
    this.isStale = options.isStale ?? false;
  }
}

/** Behind an error id the platform hides what went wrong; "our side" would be read as this one. */
function messageOf({ message, errorId }: ErrorReply): string {
  if (errorId === undefined) return message;
  const what = message === 'something went wrong on our side' ? 'a problem of its own' : message;
  return `the platform reports ${what} (error id ${errorId})`;
}

function exitCodeOf(status: number): number {
  return status === 403 || status === 404 || status === 409 ? EXIT.failed : EXIT.platform;
}

/** What an answer of this status and text means; proxies answer with pages of their own. */
export function apiErrorOf(status: number, text: string): ApiError {
  const isPassing = status === 429 || status === 502 || status === 503 || status === 504;
  const fallback = {
    code: 'unknown',
    message: `the platform answered with status ${status}`,
    retryable: isPassing,
  };
  const body = parseErrorReply(text) ?? fallback;
  return new ApiError(status, { ...body, retryable: body.retryable || isPassing });
}

function parseErrorReply(text: string): ErrorReply | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const error = propertyOf(value, 'error');
  const code = propertyOf(error, 'code');
  const message = propertyOf(error, 'message');
  if (typeof code !== 'string' || typeof message !== 'string') return undefined;
  const details = propertyOf(error, 'details');
  const errorId = propertyOf(error, 'errorId');
  return {
    code,
    message,
    retryable: propertyOf(error, 'retryable') === true,
    // Any object will do: nothing but single properties is read from it, each checked there.
    ...(typeof details === 'object' && details !== null
      ? { details: details as Record<string, unknown> }
      : {}),
    ...(typeof errorId === 'string' ? { errorId } : {}),
  };
}

function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  // A plain object out of JSON.parse: reading any property of it is safe.
  return (value as Record<string, unknown>)[name];
}

/** May the same request simply be sent again? */
export function mayRetry(error: unknown, isRepeatable: boolean): boolean {
  if (error instanceof ConnectionProblem) return isRepeatable || error.wasNeverSent;
  return error instanceof ApiError && error.isRetryable && (isRepeatable || error.status !== 500);
}
