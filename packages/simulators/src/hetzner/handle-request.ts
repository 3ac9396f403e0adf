import { errorReply, type Call, type Reply } from './call.ts';
import { ApiError } from './errors.ts';
import type { RateLimit } from './rate-limit.ts';
import { findRoute } from './routes.ts';
import type { Account } from './state.ts';

/** A request as it arrives, apart from how it came. */
export interface ApiRequest {
  readonly method: string;
  /** Below `/v1`, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  /** The text of the body; empty for none. */
  readonly body: string;
  readonly baseUrl: string;
}

/**
 * The whole API as one function of the account, a request and the time: it looks at no clock and draws
 * no random numbers but those of the account's ordered faults.
 */
export function handleRequest(account: Account, request: ApiRequest, now: number): Reply {
  account.timeline.runUntil(now);
  const token = findToken(account, request.authorization);
  const rateLimit = rateLimitOf(account, request);
  const reply = answer(account, { request, token, rateLimit }, now);
  account.requestCount += 1;
  const correlationId = account.requestCount.toString(16).padStart(16, '0');
  return {
    ...reply,
    headers: { ...reply.headers, ...rateLimit.headers(now), 'X-Correlation-Id': correlationId },
  };
}

/** The one of the token's project, or the one that all requests without a valid token share. */
export function rateLimitOf(account: Account, request: ApiRequest): RateLimit {
  const token = findToken(account, request.authorization);
  return token?.project.rateLimit ?? account.anonymousRateLimit;
}

interface Incoming {
  request: ApiRequest;
  token: TokenGrant | undefined;
  rateLimit: RateLimit;
}

type TokenGrant = NonNullable<ReturnType<Account['tokens']['get']>>;

function answer(account: Account, incoming: Incoming, now: number): Reply {
  try {
    // Requests without a valid token count, too.
    if (!incoming.rateLimit.take(now)) {
      throw new ApiError('rate_limit_exceeded', 'limit of requests per hour reached');
    }
    const { handler, call } = prepareCall(account, incoming, now);
    return handler(call);
  } catch (error) {
    if (error instanceof ApiError) return errorReply(error);
    throw error;
  }
}

function prepareCall(account: Account, { request, token }: Incoming, now: number) {
  if (!token) throw new ApiError('unauthorized', 'unable to authenticate');
  const { method, path, query, baseUrl } = request;
  const match = findRoute(method, path);
  if (match.kind === 'unknown') throw new ApiError('not_found', 'not found');
  if (match.kind === 'other_method') {
    throw new ApiError('method_not_allowed', 'method not allowed');
  }
  if (token.isReadOnly && method !== 'GET') {
    throw new ApiError('token_readonly', 'token is only allowed to perform GET requests');
  }
  const { route, params } = match;
  const body = parseJson(request.body);
  const { project } = token;
  const call: Call = { account, project, now, method, path, query, params, body, baseUrl };
  return { handler: route.handler, call };
}

function findToken(account: Account, authorization: string | undefined): TokenGrant | undefined {
  const [, token] = /^Bearer (\S+)$/.exec(authorization ?? '') ?? [];
  return token === undefined ? undefined : account.tokens.get(token);
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('json_error', 'unable to parse JSON');
  }
}
