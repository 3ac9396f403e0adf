import { expect, test } from 'vitest';

import { createRandom } from '../random.ts';
import { FaultBook, type FaultOrder } from './faults.ts';

const CREATE = { method: 'POST', path: '/servers' };

test('an order strikes the requests it names and no others', () => {
  const book = createBook({
    fault: { kind: 'error', status: 503 },
    method: 'DELETE',
    path: '/servers/*',
  });
  expect(book.take('error', CREATE)).toBeUndefined();
  expect(book.take('error', { method: 'DELETE', path: '/servers' })).toBeUndefined();
  expect(book.take('html', { method: 'DELETE', path: '/servers/7' })).toBeUndefined();
  expect(book.take('error', { method: 'DELETE', path: '/servers/7' })).toMatchObject({
    status: 503,
  });
});

test('an order can wait for the nth occasion, end after a number of them, and be cancelled', () => {
  const third = createBook({ fault: { kind: 'no_ipv4' }, nth: 3 });
  expect(strikes(third, 5)).toEqual([false, false, true, false, false]);
  const twice = createBook({ fault: { kind: 'no_ipv4' }, times: 2 });
  expect(strikes(twice, 4)).toEqual([true, true, false, false]);
  const book = new FaultBook(createRandom(1));
  const ordered = book.order({ fault: { kind: 'no_ipv4' } });
  expect(strikes(book, 1)).toEqual([true]);
  ordered.cancel();
  expect(strikes(book, 1)).toEqual([false]);
  expect(ordered.struck).toBe(1);
});

test('the same seed strikes the same occasions, about as many as the probability says', () => {
  const order: FaultOrder = { fault: { kind: 'no_ipv4' }, probability: 0.25 };
  const first = strikes(createBook(order), 1000);
  expect(strikes(createBook(order), 1000)).toEqual(first);
  const count = first.filter(Boolean).length;
  expect(count).toBeGreaterThan(200);
  expect(count).toBeLessThan(300);
});

test('an occasion that is not meant does not count', () => {
  const book = createBook({ fault: { kind: 'sold_out', serverType: 'cx23' }, nth: 2 });
  const isFor = (type: string) => (fault: { serverType?: string }) => fault.serverType === type;
  expect(book.take('sold_out', CREATE, isFor('cx23'))).toBeUndefined();
  expect(book.take('sold_out', CREATE, isFor('cax11'))).toBeUndefined();
  expect(book.take('sold_out', CREATE, isFor('cx23'))).toBeDefined();
});

function createBook(order: FaultOrder): FaultBook {
  const book = new FaultBook(createRandom(7));
  book.order(order);
  return book;
}

function strikes(book: FaultBook, occasions: number): boolean[] {
  return Array.from({ length: occasions }, () => book.take('no_ipv4', CREATE) !== undefined);
}
