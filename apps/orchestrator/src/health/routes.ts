import { z } from 'zod';

import type { Database } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';

import type { Api } from '../api.ts';
import type { Metrics } from './metrics.ts';

const okSchema = z.object({ status: z.literal('ok') });

/** `/health`: the process lives. `/ready`: it can serve, the database answers. */
export function registerHealthRoutes(
  server: Api,
  deps: { database: Database; metrics: Metrics },
): void {
  const schema = { tags: ['health'], security: [] };
  const answer = { ...schema, response: { 200: okSchema } };
  server.get('/health', { schema: { ...answer, summary: 'Whether the process lives' } }, () => ({
    status: 'ok' as const,
  }));
  server.get('/ready', { schema: { ...answer, summary: 'Whether it can serve' } }, async () => {
    await deps.database.query('select 1').catch((error: unknown) => {
      throw new AppError('unavailable', 'the database does not answer', { cause: error });
    });
    return { status: 'ok' as const };
  });
  server.get(
    '/metrics',
    { schema: { ...schema, summary: 'Numbers for Prometheus' } },
    async (_request, reply) =>
      reply.header('content-type', deps.metrics.contentType).send(await deps.metrics.render()),
  );
}
