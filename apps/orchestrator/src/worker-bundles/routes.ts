import { z } from 'zod';

import type { Api } from '../api.ts';
import { replyBlob } from '../blobs/routes.ts';
import { sendBundle } from './bundle-folder.ts';

/**
 * Where a new server gets its worker. Without sign-in: the files hold no secret, and a server uses
 * one only if it has the SHA-256 that the server was made with.
 */
export function registerWorkerBundleRoutes(
  server: Api,
  { folder }: { folder: string | undefined },
): void {
  server.get(
    '/worker-bundles/:file',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['workers'],
        summary: 'The worker with all it needs, as one file for new servers',
        security: [],
        params: z.object({ file: z.string() }),
      },
    },
    async (request, reply) => {
      const { range } = request.headers;
      return replyBlob(reply, await sendBundle(folder, { name: request.params.file, range }));
    },
  );
}
