import { errorReply, reply, type Reply } from './call.ts';
import { ApiError, type ApiErrorCode } from './errors.ts';
import type { FaultBook, FaultOf, FaultRequest } from './faults.ts';

/** What becomes of one request between the client and the API. */
export interface Transport {
  /** Instead of acting. */
  reply?: Reply;
  /** The connection is cut without a reply. */
  isCut: 'before' | 'after' | undefined;
  delayMs: number;
}

export function chooseTransport(faults: FaultBook, request: FaultRequest): Transport {
  const delayMs = faults.take('slow_reply', request)?.delayMs ?? 0;
  const lost = faults.take('reply_lost', request);
  if (lost) return { isCut: lost.isActedOn ? 'after' : 'before', delayMs };
  const error = faults.take('error', request);
  if (error) return { reply: errorReply(makeError(error.status)), isCut: undefined, delayMs };
  const html = faults.take('html', request);
  if (html) return { reply: htmlReply(html.status), isCut: undefined, delayMs };
  return { isCut: undefined, delayMs };
}

type Status = FaultOf<'error'>['status'];

const ERRORS: Record<Status, [ApiErrorCode, string]> = {
  423: ['locked', 'cannot perform operation because server is locked'],
  429: ['rate_limit_exceeded', 'limit of requests per hour reached'],
  500: ['server_error', 'internal server error'],
  502: ['bad_gateway', 'bad gateway'],
  503: ['unavailable', 'service is currently unavailable'],
  504: ['timeout', 'the request could not be answered in time, please retry'],
};

function makeError(status: Status): ApiError {
  const [code, message] = ERRORS[status];
  return new ApiError(code, message);
}

function htmlReply(status: number): Reply {
  const page = `<html><head><title>${status}</title></head><body>${status}</body></html>\n`;
  return reply(status, page, { 'Content-Type': 'text/html' });
}
