import type { HttpServer } from '@nexus/kit/http-server';

import type { Caller } from './accounts/accounts.ts';
import type { WorkerIdentity } from './workers/worker-registry.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the hook over /api/v1; never read on routes outside of it. */
    caller: Caller;
    /** Set by the hook over /api/v1/worker. */
    worker: WorkerIdentity;
  }
}

/** A scope of the server in which every request has passed authentication. */
export type Api = HttpServer;
