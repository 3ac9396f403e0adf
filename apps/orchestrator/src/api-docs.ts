import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';

import type { HttpServer } from '@nexus/kit/http-server';

import type { Api } from './api.ts';

const SECURITY_SCHEMES = {
  apiKey: { type: 'http', scheme: 'bearer', description: 'Made by `nexus key create NAME`.' },
  workerToken: {
    type: 'http',
    scheme: 'bearer',
    description: 'Given to a worker when it registers.',
  },
} as const;

/** What workers say, in one place: a protocol of the platform's own, which no other program speaks. */
const WORKER_SUMMARIES: Readonly<Record<string, string>> = {
  'POST /api/v1/worker/register': 'Trade a join token for a token of the worker’s own',
  'POST /api/v1/worker/exchange': 'Bring logs and reports, take leases and cancellations',
  'POST /api/v1/worker/heartbeat': 'Keep leases alive, hear which are lost',
  'POST /api/v1/worker/leave': 'Go, and give every lease back',
  'POST /api/v1/worker/environments/:key/claim':
    'Take installed dependencies, or the task to install them',
  'POST /api/v1/worker/environments/:key/publish':
    'Say that dependencies are installed, or cannot be',
  'POST /api/v1/worker/blobs/missing':
    'Which of these blobs the account of a lease has not sent yet',
  'PUT /api/v1/worker/blobs/:sha256': 'Send a blob of a leased execution',
  'GET /api/v1/worker/blobs/:sha256': 'The bytes of a blob that a leased execution needs',
  'GET /api/v1/workers': 'The workers that are here, and what they can do',
};

/** The OpenAPI document at `/docs/json`, and a page of it at `/docs`. Before all routes that it describes. */
export async function registerApiDocs(server: HttpServer): Promise<void> {
  await server.register(fastifySwagger, {
    openapi: {
      info: {
        title: 'Nexus platform',
        version: '0.1.0',
        description: 'The grid: batches, executions, blobs, workers.',
      },
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    transform: jsonSchemaTransform,
  });
  await server.register(fastifySwaggerUi, { routePrefix: '/docs' });
}

/** Every operation of the scope shows how its caller signs in; without a scheme nobody needs to. */
export function describeScope(api: Api, scheme: keyof typeof SECURITY_SCHEMES | null): void {
  api.addHook('onRoute', (route) => {
    const summary = WORKER_SUMMARIES[`${String(route.method)} ${route.url}`];
    route.schema = {
      security: scheme === null ? [] : [{ [scheme]: [] }],
      ...(summary === undefined ? {} : { summary }),
      ...route.schema,
    };
  });
}
