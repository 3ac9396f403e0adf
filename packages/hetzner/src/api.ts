import { z } from 'zod';

import { hasCode } from './errors.ts';
import type { Method, Query } from './handlers/handler.ts';
import type { Priority } from './handlers/request-budget.ts';

/** What every call takes. */
export interface CallOptions {
  /** Ends the call, whatever it is doing, with the reason of the signal. */
  signal?: AbortSignal | undefined;
  /** No try begins or waits past it. */
  deadline?: Date | undefined;
  /** By default that of the method. A list made in order to delete is worth as much as the delete. */
  priority?: Priority | undefined;
}

export interface ApiCall<T> {
  method: Method;
  path: string;
  query?: Query;
  body?: unknown;
  /** May be sent again when it is unknown whether the last try acted. True by default. */
  isRepeatable?: boolean;
  /** Of the whole reply. */
  reply: z.ZodType<T>;
}

/** The chain, as resources see it. */
export interface Api {
  send<T>(call: ApiCall<T>, options: CallOptions | undefined): Promise<T>;
}

export interface ListCall<T> {
  path: string;
  /** The field of the reply that holds the list. */
  key: string;
  item: z.ZodType<T>;
  query?: Query;
}

/** The most the API gives. */
const PER_PAGE = 50;
const MAX_LISTINGS = 3;

/**
 * All pages of a list. One that changes meanwhile moves items over the edges of pages, past us or
 * twice before us; the API's own count tells, and then the list is read again.
 */
export async function listAll<T extends { id: number }>(
  api: Api,
  call: ListCall<T>,
  options: CallOptions | undefined,
): Promise<T[]> {
  for (let listing = 1; ; listing += 1) {
    const { items, total } = await listOnce(api, call, options);
    const unique = [...new Map(items.map((item) => [item.id, item])).values()];
    if (total === null || unique.length === total || listing === MAX_LISTINGS) return unique;
  }
}

async function listOnce<T>(
  api: Api,
  call: ListCall<T>,
  options: CallOptions | undefined,
): Promise<{ items: T[]; total: number | null }> {
  const items: T[] = [];
  const reply = pageSchema(call.key, call.item);
  for (let page = 1; ;) {
    const query = { ...call.query, page, per_page: PER_PAGE };
    const found = await api.send({ method: 'GET', path: call.path, query, reply }, options);
    items.push(...found.items);
    const { next_page: nextPage, total_entries: total } = found.meta.pagination;
    if (nextPage === null || nextPage <= page) return { items, total };
    page = nextPage;
  }
}

const metaSchema = z.object({
  pagination: z.object({
    next_page: z.int().nullable(),
    total_entries: z.int().nullable(),
  }),
});

function pageSchema<T>(key: string, item: z.ZodType<T>) {
  return z.preprocess(
    (reply) => (isRecord(reply) ? { ...reply, items: reply[key] } : reply),
    z.object({ items: z.array(item), meta: metaSchema }),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** For calls whose answer says nothing that is used. */
const anyReply = z.unknown();

/** What is already gone is as good as deleted. */
export async function deleteOrGone(
  api: Api,
  path: string,
  options: CallOptions | undefined,
): Promise<'deleted' | 'gone'> {
  try {
    await api.send({ method: 'DELETE', path, reply: anyReply }, options);
    return 'deleted';
  } catch (error) {
    if (hasCode(error, 'not_found')) return 'gone';
    throw error;
  }
}
