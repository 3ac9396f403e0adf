import { describe, expect, test } from 'vitest';

import { has } from '@nexus/testkit';

import { callEveryRoute, createApi, createCheckedHetzner } from '../../testing/index.ts';
import { createManualClock, createHetznerSimulator, type Exchange } from '../index.ts';
import { ROUTES } from '../routes.ts';
import { createConformanceChecker, readSpecification } from './index.ts';

describe.skipIf(!has('hetzner-openapi'))(
  'replies and the official document [needs hetzner-openapi]',
  () => {
    const load = () =>
      createConformanceChecker(readSpecification(process.env['HETZNER_OPENAPI'] ?? ''));

    test('every route answers as the document says, when it succeeds and when it does not', async () => {
      const exchanges = await recordEveryRoute();
      const checker = load();
      expect(exchanges.flatMap((exchange) => checker.check(exchange))).toEqual([]);
      const succeeded = new Set(exchanges.filter(({ reply }) => reply.status < 400).map(routeOf));
      const expected = ROUTES.filter(({ path }) => !path.startsWith('/datacenters'));
      expect([...succeeded].sort()).toEqual(
        expected.map(({ method, path }) => `${method} ${path}`).sort(),
      );
      const failed = new Set(exchanges.filter(({ reply }) => reply.status >= 400).map(routeOf));
      for (const { method, path } of ROUTES.filter(({ path }) => path.includes('{'))) {
        expect(failed).toContain(`${method} ${path}`);
      }
    });

    test.each<[string, (body: Record<string, unknown>) => unknown]>([
      ['a field that is missing', ({ name: _, ...rest }) => rest],
      ['a field that is not in the document', (server) => ({ ...server, size: 1 })],
      ['a field that was removed', (server) => ({ ...server, datacenter: null })],
      ['a wrong type', (server) => ({ ...server, id: '1' })],
      ['a null where there is none', (server) => ({ ...server, labels: null })],
      ['a status nobody knows', (server) => ({ ...server, status: 'asleep' })],
      ['a date that is none', (server) => ({ ...server, created: 'yesterday' })],
    ])('%s in a server is found', async (_, change) => {
      const exchange = await recordServer();
      const checker = load();
      expect(checker.check(exchange)).toEqual([]);
      const { server } = exchange.reply.body as { server: Record<string, unknown> };
      const planted = { ...exchange.reply, body: { server: change(server) } };
      expect(checker.check({ ...exchange, reply: planted })).not.toEqual([]);
    });

    test.each<[string, Partial<Exchange['reply']>]>([
      ['a status the document does not have', { status: 202 }],
      ['an error code it does not have', { status: 404, body: error('gone') }],
      ['an error code of another status', { status: 409, body: error('not_found') }],
      ['an error code of another operation', { status: 422, body: error('resource_in_use') }],
      ['an error without details', { status: 404, body: { error: { code: 'not_found' } } }],
      ['a body that is not there', { body: undefined }],
      ['headers that are not there', { headers: {} }],
    ])('%s is found', async (_, planted) => {
      const exchange = await recordServer();
      const reply = { ...exchange.reply, ...planted };
      expect(load().check({ ...exchange, reply })).not.toEqual([]);
    });

    test('a simulator whose replies were not as the document says does not close in silence', async () => {
      const simulator = createCheckedHetzner({
        onExchange: ({ reply }) => {
          reply.body = { locations: [] };
        },
      });
      await createApi(simulator)('GET', '/locations');
      await expect(simulator.close()).rejects.toThrow(/GET \/locations -> 200: .*meta/);
    });
  },
);

async function recordEveryRoute(): Promise<Exchange[]> {
  const exchanges: Exchange[] = [];
  const clock = createManualClock();
  const simulator = createHetznerSimulator({
    clock,
    onExchange: (exchange) => exchanges.push(exchange),
  });
  await callEveryRoute(createApi(simulator), () => clock.advance(600_000));
  await simulator.close();
  return exchanges;
}

async function recordServer(): Promise<Exchange> {
  const exchanges = await recordEveryRoute();
  const found = exchanges.find(
    (exchange) => exchange.reply.status === 200 && routeOf(exchange) === 'GET /servers/{id}',
  );
  if (!found) throw new Error('no server was read');
  return found;
}

function routeOf({ request }: Exchange): string {
  const path = request.path.replace(/\/actions\/\d+$/, (end) =>
    /^\/\w+\/\d+\//.test(request.path) ? '/actions/{action_id}' : end,
  );
  return `${request.method} ${path.replace(/\/\d+/, '/{id}')}`;
}

function error(code: string) {
  return { error: { code, message: 'planted', details: null } };
}
