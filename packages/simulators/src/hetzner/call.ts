import type { z } from 'zod';

import { ApiError, invalidInput } from './errors.ts';
import type { FaultKind, FaultOf } from './faults.ts';
import { findLabelProblem } from './labels.ts';
import type { Account, Project } from './state.ts';

/** One request, after its token has been recognised and its route found. */
export interface Call {
  readonly account: Account;
  readonly project: Project;
  readonly now: number;
  readonly method: string;
  /** Below `/v1`, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The numbers in the path: `id`, `action_id`. */
  readonly params: Readonly<Record<string, number>>;
  readonly body: unknown;
  /** `http://host/v1`, for links to further pages. */
  readonly baseUrl: string;
}

export interface Reply {
  status: number;
  headers: Record<string, string>;
  /** Undefined: no body at all. */
  body: unknown;
}

export type Handler = (call: Call) => Reply;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As the specification writes it: `/servers/{id}/actions/poweron`. */
  readonly path: string;
  readonly handler: Handler;
}

export function route(method: Route['method'], path: string, handler: Handler): Route {
  return { method, path, handler };
}

export function reply(status: number, body?: unknown, headers: Record<string, string> = {}): Reply {
  return { status, body, headers };
}

export function errorReply(error: ApiError): Reply {
  const { code, message, details } = error;
  return reply(error.status, { error: { code, message, details } });
}

export function idOf(call: Call): number {
  return call.params['id'] ?? 0;
}

/** The body as the schema has it. Fields the API does not know are ignored, as the real one does. */
export function parseBody<Schema extends z.ZodType>(call: Call, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(call.body ?? {});
  if (!parsed.success) throw explainIssues(parsed.error.issues);
  const { data } = parsed;
  if (hasLabels(data)) {
    const problem = findLabelProblem(data.labels);
    if (problem !== undefined) throw invalidInput('labels', problem);
  }
  return data;
}

function hasLabels(data: unknown): data is { labels: Record<string, string> } {
  return typeof data === 'object' && data !== null && 'labels' in data && data.labels !== undefined;
}

function explainIssues(issues: readonly z.core.$ZodIssue[]): ApiError {
  const fields = new Map<string, string[]>();
  for (const issue of issues) {
    const name = issue.path.join('.') || 'body';
    fields.set(name, [...(fields.get(name) ?? []), issue.message]);
  }
  const names = [...fields.keys()].map((name) => `'${name}'`).join(', ');
  return new ApiError(
    'invalid_input',
    `invalid input in field${fields.size === 1 ? '' : 's'} ${names}`,
    { details: { fields: [...fields].map(([name, messages]) => ({ name, messages })) } },
  );
}

export function takeFault<Kind extends FaultKind>(
  call: Call,
  kind: Kind,
  isMeant?: (fault: FaultOf<Kind>) => boolean,
): FaultOf<Kind> | undefined {
  return call.account.faults.take(kind, call, isMeant);
}
