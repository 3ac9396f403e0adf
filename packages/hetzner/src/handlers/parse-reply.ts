import type { z } from 'zod';

import { HetznerReplyError } from '../errors.ts';
import { operationOf, type ApiReply, type ApiRequest } from './handler.ts';

/** Schemas name the fields that are used; whatever else the API sends is left out, not refused. */
export function parseReply<T>(request: ApiRequest, reply: ApiReply, schema: z.ZodType<T>): T {
  const fail = (explanation: string): never => {
    throw new HetznerReplyError(operationOf(request), explanation, request.method !== 'GET');
  };
  const json = parseJson(reply.body);
  if (!json.isValid) return fail('the answer is not JSON');
  const parsed = schema.safeParse(json.value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`,
  );
  return fail(`the answer is not as documented: ${problems.slice(0, 3).join('; ')}`);
}

function parseJson(body: string): { isValid: true; value: unknown } | { isValid: false } {
  try {
    return { isValid: true, value: body === '' ? undefined : JSON.parse(body) };
  } catch {
    return { isValid: false };
  }
}
