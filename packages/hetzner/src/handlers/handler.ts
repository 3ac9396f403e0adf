import type { Priority } from './request-budget.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export type Query = Readonly<
  Record<string, string | number | readonly (string | number)[] | undefined>
>;

/** A call on its way down the chain. */
export interface ApiRequest {
  method: Method;
  /** Below the endpoint, `/servers/7`. */
  path: string;
  query: Query;
  /** Sent as JSON. Never logged, never part of an error: it may hold a join token. */
  body: unknown;
  headers: Readonly<Record<string, string>>;
  priority: Priority;
  /** May be sent again when it is unknown whether the last try acted. */
  isRepeatable: boolean;
  signal: AbortSignal | undefined;
  deadline: Date | undefined;
}

export interface ApiReply {
  status: number;
  headers: Headers;
  body: string;
  /** Of a 429: when there will be room for such a request. */
  retryAt: Date | null;
}

/**
 * One link of the chain. From the caller to the network: parse, retry, errors, budget, log,
 * authentication, transmission. What is below `retry` happens once a try.
 */
export type Handler = (request: ApiRequest) => Promise<ApiReply>;

export function operationOf(request: Pick<ApiRequest, 'method' | 'path'>): string {
  return `${request.method} ${request.path}`;
}
