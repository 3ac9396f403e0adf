import { whoamiSchema } from '@nexus/grid/contract';

import type { Api } from '../api.ts';

export function registerAccountRoutes(api: Api): void {
  api.get(
    '/whoami',
    {
      schema: { tags: ['accounts'], summary: 'Whose key this is', response: { 200: whoamiSchema } },
    },
    (request) => ({
      account: request.caller.account,
      keyName: request.caller.keyName,
    }),
  );
}
