import { workerListSchema } from '@nexus/grid/contract';

import type { Api } from '../api.ts';
import type { WorkerDeps } from './worker-deps.ts';
import { listWorkers } from './worker-registry.ts';

/** What users see of the workers. */
export function registerPlatformRoutes(api: Api, deps: WorkerDeps): void {
  api.get(
    '/workers',
    { schema: { tags: ['workers'], response: { 200: workerListSchema } } },
    async () => ({
      workers: await listWorkers(deps.database),
    }),
  );
}
