import { reply, type Call, type Reply } from './call.ts';
import { invalidInput } from './errors.ts';
import { parseSelector, type Labels } from './labels.ts';

const DEFAULT_PER_PAGE = 25;
const MAX_PER_PAGE = 50;

interface Listing<Item> {
  /** The key of the list in the body. */
  key: string;
  items: Iterable<Item>;
  render: (item: Item) => unknown;
  /** What the list can be sorted by, and the value for it. */
  sortBy?: Record<string, (item: Item) => string | number>;
}

/** Sorts, cuts out the page that was asked for, and says where the others are. */
export function listReply<Item>(call: Call, listing: Listing<Item>): Reply {
  const items = sortItems([...listing.items], call.query.getAll('sort'), listing.sortBy ?? {});
  const page = readPositive(call.query, 'page') ?? 1;
  const perPage = Math.min(readPositive(call.query, 'per_page') ?? DEFAULT_PER_PAGE, MAX_PER_PAGE);
  const lastPage = Math.max(1, Math.ceil(items.length / perPage));
  const pagination = {
    page,
    per_page: perPage,
    previous_page: page > 1 ? page - 1 : null,
    next_page: page < lastPage ? page + 1 : null,
    last_page: lastPage,
    total_entries: items.length,
  };
  const shown = items.slice((page - 1) * perPage, page * perPage);
  return reply(
    200,
    { [listing.key]: shown.map((item) => listing.render(item)), meta: { pagination } },
    { Link: linkHeader(call, pagination) },
  );
}

/** By `name` and `label_selector`, which almost every list can be filtered by. */
export function filterByQuery<Item extends { name: string | null; labels: Labels }>(
  call: Call,
  items: Iterable<Item>,
): Item[] {
  const name = call.query.get('name');
  const selector = call.query.get('label_selector');
  const matches = selector === null ? () => true : parseSelector(selector);
  return [...items].filter((item) => (name === null || item.name === name) && matches(item.labels));
}

/** Keeps what has one of the values; all, if the query does not name any. */
export function filterByValues<Item>(
  items: readonly Item[],
  values: readonly string[],
  valueOf: (item: Item) => string,
): Item[] {
  return values.length === 0 ? [...items] : items.filter((item) => values.includes(valueOf(item)));
}

export const BY_ID = { id: (item: { id: number }) => item.id };
export const BY_NAME = { ...BY_ID, name: (item: { name: string | null }) => item.name ?? '' };
export const BY_CREATION = {
  ...BY_NAME,
  created: (item: { createdAt: number }) => item.createdAt,
};

function sortItems<Item>(
  items: Item[],
  orders: readonly string[],
  sortBy: Record<string, (item: Item) => string | number>,
): Item[] {
  const keys = orders.map((order) => {
    const [name = '', direction = 'asc', ...rest] = order.split(':');
    const valueOf = Object.hasOwn(sortBy, name) ? sortBy[name] : undefined;
    if (!valueOf || rest.length > 0 || !['asc', 'desc'].includes(direction)) {
      throw invalidInput('sort', `cannot sort by ${order}`);
    }
    return { valueOf, sign: direction === 'asc' ? 1 : -1 };
  });
  return items.toSorted((a, b) => {
    for (const { valueOf, sign } of keys) {
      const [left, right] = [valueOf(a), valueOf(b)];
      if (left !== right) return left < right ? -sign : sign;
    }
    return 0;
  });
}

function readPositive(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw invalidInput(name, 'must be at least 1');
  return value;
}

interface Pages {
  previous_page: number | null;
  next_page: number | null;
  last_page: number;
  per_page: number;
}

function linkHeader(call: Call, pages: Pages): string {
  const link = (page: number, rel: string): string => {
    const query = new URLSearchParams(call.query);
    query.set('page', String(page));
    query.set('per_page', String(pages.per_page));
    return `<${call.baseUrl}${call.path}?${query.toString()}>; rel="${rel}"`;
  };
  return [
    ...(pages.previous_page === null ? [] : [link(pages.previous_page, 'prev')]),
    ...(pages.next_page === null ? [] : [link(pages.next_page, 'next')]),
    link(pages.last_page, 'last'),
  ].join(', ');
}
