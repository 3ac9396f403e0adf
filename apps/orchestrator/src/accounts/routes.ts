import { whoamiSchema } from '@nexus/grid/contract';

import type { Api } from '../api.ts';

export function registerAccountRoutes(api: Api): void {
  api.get(
    '/whoami',
    { schema: { tags: ['accounts'], response: { 200: whoamiSchema } } },
    (request) => ({
      account: request.caller.account,
      keyName: request.caller.keyName,
    }),
  );
}
