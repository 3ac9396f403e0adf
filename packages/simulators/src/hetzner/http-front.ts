import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

import { errorReply } from './call.ts';
import { ApiError } from './errors.ts';
import { API_PATH, bodyText, toApiRequest, type Serve } from './wire.ts';

/** The HTTP in front of the API: bytes in, bytes out. */
export class HttpFront {
  readonly #server;
  // Until it listens, only its own `fetch` leads there; clients want no token in clear elsewhere.
  #origin = 'https://hetzner.simulated';

  constructor(serve: Serve) {
    this.#server = createServer((request, response) => {
      this.#answer(serve, request, response).catch(() => response.destroy());
    });
  }

  get url(): string {
    return `${this.#origin}${API_PATH}`;
  }

  async listen(port: number, host: string): Promise<string> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    const address = this.#server.address();
    const actualPort = typeof address === 'object' ? address?.port : port;
    this.#origin = `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`;
    return this.url;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(serve: Serve, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = toApiRequest({
      method: incoming.method ?? 'GET',
      url: new URL(incoming.url ?? '/', this.#origin),
      authorization: incoming.headers.authorization,
      body: await text(incoming),
    });
    const reply = request
      ? await serve(request)
      : errorReply(new ApiError('not_found', 'not found'));
    if (!reply) {
      incoming.socket.destroy();
      return;
    }
    const body = bodyText(reply);
    response.writeHead(reply.status, {
      ...(body === '' ? {} : { 'Content-Type': 'application/json' }),
      ...reply.headers,
    });
    response.end(body);
  }
}
