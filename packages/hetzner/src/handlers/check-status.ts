import { z } from 'zod';

import { HetznerApiError } from '../errors.ts';
import { operationOf, type ApiReply, type ApiRequest, type Handler } from './handler.ts';

/** Turns every reply that is no success into a HetznerApiError. */
export function checkStatus(next: Handler): Handler {
  return async (request) => {
    const reply = await next(request);
    if (reply.status >= 200 && reply.status < 300) return reply;
    throw toApiError(request, reply);
  };
}

const fieldSchema = z.object({
  name: z.string(),
  messages: z.array(z.string()).catch([]).default([]),
});

/** Details differ by code and are not always there, so whatever is odd in them is left out. */
const detailsSchema = z.object({
  fields: z.array(fieldSchema).catch([]).default([]),
  limits: z
    .array(z.object({ name: z.string() }).transform(({ name }) => name))
    .catch([])
    .default([]),
  announcement: z.string().nullable().catch(null).default(null),
});

const NO_DETAILS: z.output<typeof detailsSchema> = { fields: [], limits: [], announcement: null };

const errorSchema = z.object({
  error: z.object({
    code: z.string().min(1).max(100),
    message: z.string().max(1000).catch('no message'),
    details: detailsSchema.catch(NO_DETAILS).default(NO_DETAILS),
  }),
});

function toApiError(request: ApiRequest, reply: ApiReply): HetznerApiError {
  const error = parseError(reply.body);
  return new HetznerApiError(operationOf(request), {
    status: reply.status,
    code: error?.code ?? null,
    message: error?.message ?? 'the answer was no success and did not say why',
    details: error?.details ?? NO_DETAILS,
    correlationId: reply.headers.get('x-correlation-id'),
    retryAt: reply.retryAt,
    // A 4xx is a decision not to act. Behind a 5xx the request may still be on its way.
    mayHaveActed: reply.status >= 500 && request.method !== 'GET',
  });
}

function parseError(body: string): z.output<typeof errorSchema>['error'] | undefined {
  try {
    return errorSchema.safeParse(JSON.parse(body)).data?.error;
  } catch {
    // An HTML page of a proxy: its status is all there is to know.
    return undefined;
  }
}
