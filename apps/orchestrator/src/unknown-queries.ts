import { z } from 'zod';

import type { Api } from './api.ts';

const noParameters = z.strictObject({});

/** Routes that read no query refuse every one: a parameter that has no effect is a mistake somebody would look for. */
export function refuseUnknownQueries(api: Api): void {
  api.addHook('onRoute', (route) => {
    route.schema = { querystring: noParameters, ...route.schema };
  });
}
