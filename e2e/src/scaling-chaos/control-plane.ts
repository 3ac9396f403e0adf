import { createKey } from '@nexus/orchestrator/accounts';
import { createApp, type App } from '@nexus/orchestrator';
import { configSchema } from '@nexus/orchestrator/config';
import type { Database } from '@nexus/db';
import { parseConfig } from '@nexus/kit/config';
import type { Logger } from '@nexus/kit/logger';

import type { VirtualTime } from './virtual-time.ts';

export const CONTROL_PLANE_URL = 'http://control-plane.test';
/** Long, so that workers need to say little: they are many, and every call costs real time. */
const LEASE_SECONDS = 180;

export interface Answer {
  status: number;
  // Read by schemas or by assertions.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

interface Place {
  time: VirtualTime;
  databaseUrl: string;
  blobFolder: string;
  logger: Logger;
}

/** The real control plane, called without a socket; it can be away. */
export class ControlPlane {
  readonly #place: Place;
  #app: App | undefined;
  apiKey = '';

  constructor(place: Place) {
    this.#place = place;
  }

  get isUp(): boolean {
    return this.#app !== undefined;
  }

  async start(): Promise<void> {
    const { time, databaseUrl, blobFolder, logger } = this.#place;
    const config = parseConfig(configSchema, {
      DATABASE_URL: databaseUrl,
      BLOB_FOLDER: blobFolder,
      ENCRYPTION_KEY: 'a key that is only good for tests, forty chars',
      LEASE_SECONDS: String(LEASE_SECONDS),
      // So that whoever is lost is lost by a bug.
      MAX_TIMES_LOST: '1000',
    });
    this.#app = await time.background(() => createApp(config, { logger }));
    await this.#app.server.ready();
  }

  async stop(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    await this.#place.time.background(async () => app?.close());
  }

  async makeKey(database: Database): Promise<void> {
    this.apiKey = await createKey(database, { account: 'chaos', name: 'chaos' });
  }

  /** As `fetch` would: rejects when nobody answers. */
  async call(
    method: 'GET' | 'POST',
    path: string,
    { token = this.apiKey, body }: { token?: string; body?: unknown } = {},
  ): Promise<Answer> {
    const app = this.#app;
    if (!app) throw refused();
    const reply = await this.#place.time.busy(() =>
      app.server.inject({
        ...{ method, url: path },
        headers: { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { payload: body as object }),
      }),
    );
    return { status: reply.statusCode, body: reply.body === '' ? null : reply.json() };
  }

  /** For the daemon, which asks for `/health`. */
  installFetch(): () => void {
    const real = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      const url = new URL(new Request(input, init).url);
      if (url.origin !== CONTROL_PLANE_URL) return real(input, init);
      const { status, body } = await this.call('GET', url.pathname);
      return Response.json(body, { status });
    };
    return () => {
      globalThis.fetch = real;
    };
  }
}

function refused(): Error {
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  return new TypeError('fetch failed', { cause });
}
