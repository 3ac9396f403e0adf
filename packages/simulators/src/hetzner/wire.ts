import type { Reply } from './call.ts';
import type { ApiRequest } from './handle-request.ts';

/** What answers requests; undefined cuts the connection. */
export type Serve = (request: ApiRequest) => Promise<Reply | undefined>;

export const API_PATH = '/v1';

interface RawRequest {
  method: string;
  url: URL;
  authorization: string | undefined;
  body: string;
}

/** Undefined for what is not below /v1. */
export function toApiRequest({
  method,
  url,
  authorization,
  body,
}: RawRequest): ApiRequest | undefined {
  if (!url.pathname.startsWith(`${API_PATH}/`)) return undefined;
  return {
    method,
    path: url.pathname.slice(API_PATH.length),
    query: url.searchParams,
    authorization,
    body,
    baseUrl: `${url.origin}${API_PATH}`,
  };
}

/** Only what is no JSON is a text already. */
export function bodyText({ body }: Reply): string {
  if (body === undefined) return '';
  return typeof body === 'string' ? body : JSON.stringify(body);
}
