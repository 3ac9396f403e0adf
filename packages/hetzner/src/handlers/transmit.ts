import { systemErrorCode } from '@nexus/kit/errors';

import { HetznerConnectionError, type ConnectionFailure } from '../errors.ts';
import {
  operationOf,
  type ApiReply,
  type ApiRequest,
  type Handler,
  type Query,
} from './handler.ts';

export interface TransmitOptions {
  endpoint: string;
  fetch: typeof globalThis.fetch;
  /** For one try, from connecting to the last byte of the body. */
  tryTimeoutMs: number;
  now: () => Date;
}

/** Sends one request and reads the whole reply, whatever its status. */
export function transmit(options: TransmitOptions): Handler {
  return async (request) => {
    request.signal?.throwIfAborted();
    const timeoutMs = timeLeftMs(request, options);
    if (timeoutMs <= 0) throw toConnectionError(request, 'deadline');
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    try {
      const url = options.endpoint + request.path + toSearch(request.query);
      return await exchange(options.fetch, url, { request, signal });
    } catch (error) {
      request.signal?.throwIfAborted();
      throw toConnectionError(request, timeout.aborted ? 'timeout' : error);
    }
  };
}

async function exchange(
  fetch: typeof globalThis.fetch,
  url: string,
  { request, signal }: { request: ApiRequest; signal: AbortSignal },
): Promise<ApiReply> {
  const response = await fetch(url, {
    method: request.method,
    headers: request.headers,
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    // The token is meant for this endpoint and for no other.
    redirect: 'manual',
    signal,
  });
  const { status, headers } = response;
  return { status, headers, body: await response.text(), retryAt: null };
}

function timeLeftMs(request: ApiRequest, { tryTimeoutMs, now }: TransmitOptions): number {
  if (!request.deadline) return tryTimeoutMs;
  return Math.min(tryTimeoutMs, request.deadline.getTime() - now().getTime());
}

/** Arrays repeat the parameter (`id=1&id=2`), as the API wants them. */
function toSearch(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of value === undefined ? [] : [value].flat()) search.append(name, String(item));
  }
  return search.size === 0 ? '' : `?${search.toString()}`;
}

/** Only the code of a system error is taken over: what else hangs on it is not ours to judge. */
function toConnectionError(request: ApiRequest, cause: unknown): HetznerConnectionError {
  const failure = classifyFailure(cause);
  return new HetznerConnectionError(operationOf(request), {
    reason: failure.reason,
    explanation: failure.explanation,
    mayHaveActed: failure.wasSent && request.method !== 'GET',
  });
}

interface Failure {
  reason: ConnectionFailure;
  wasSent: boolean;
  explanation: string;
}

function classifyFailure(cause: unknown): Failure {
  if (cause === 'deadline')
    return { reason: 'timeout', wasSent: false, explanation: 'its deadline had passed' };
  if (cause === 'timeout')
    return { reason: 'timeout', wasSent: true, explanation: 'the API gave no full answer in time' };
  const code = systemErrorCode(cause) ?? systemErrorCode(causeOf(cause)) ?? 'unknown reason';
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT')
    return { reason: 'timeout', wasSent: false, explanation: `no connection in time (${code})` };
  if (NEVER_CONNECTED.test(code))
    return { reason: 'unreachable', wasSent: false, explanation: `no connection (${code})` };
  return { reason: 'lost', wasSent: true, explanation: `the connection was lost (${code})` };
}

const NEVER_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$|CERT|UNABLE_TO_VERIFY/;

/** `fetch` wraps whatever happened in `TypeError: fetch failed`. */
function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
