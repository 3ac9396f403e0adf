import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';

import { errorMessage, systemErrorCode } from '@nexus/kit/errors';

import { Problem } from '../problem.ts';
import { apiErrorOf, ConnectionProblem } from './failures.ts';

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  /** Path and query below the address of the platform. */
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | { stream: Readable; sizeBytes: number };
  signal?: AbortSignal | undefined;
}

/** No byte for this long, in either direction: the connection is dead. Follow streams beat sooner. */
const IDLE_MS = 60_000;

/**
 * One platform over kept-alive connections. Node's own http and not fetch: the first fetch of a
 * process costs 30 ms. And through getBuiltinModule: `import 'node:http'` reads every export, the
 * lazy WebSocket among them, which loads all of undici (25 ms against 3).
 */
export class HttpTransport {
  readonly #base: URL;
  readonly #authorization: string | undefined;
  readonly #request: (options: RequestOptions) => ClientRequest;
  readonly #agent: Agent;

  constructor(apiUrl: string, apiKey: string | undefined) {
    this.#base = new URL(apiUrl);
    this.#authorization = apiKey === undefined ? undefined : `Bearer ${apiKey}`;
    const module =
      this.#base.protocol === 'https:'
        ? process.getBuiltinModule('node:https')
        : process.getBuiltinModule('node:http');
    this.#request = (options) => module.request(options);
    this.#agent = new module.Agent({ keepAlive: true, maxFreeSockets: 16 });
  }

  get apiUrl(): string {
    return this.#base.href.replace(/\/$/, '');
  }

  /** Answers once the head of a good reply is here; throws ApiError or ConnectionProblem otherwise. */
  async send(request: HttpRequest): Promise<IncomingMessage> {
    const outgoing = this.#request(this.#optionsOf(request));
    const response = await this.#exchange(outgoing, request.body);
    const status = response.statusCode ?? 500;
    if (status < 400) return response;
    const text = await readText(response);
    // Refused while a large body was still on its way: the rest would be sent for nothing.
    if (isStream(request.body)) outgoing.destroy();
    throw apiErrorOf(status, text);
  }

  close(): void {
    this.#agent.destroy();
  }

  #optionsOf(request: HttpRequest): RequestOptions {
    const { body } = request;
    return {
      protocol: this.#base.protocol,
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port,
      path: `${this.#base.pathname.replace(/\/$/, '')}${request.path}`,
      method: request.method,
      agent: this.#agent,
      timeout: IDLE_MS,
      ...(request.signal ? { signal: request.signal } : {}),
      headers: {
        ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
        ...(body === undefined
          ? {}
          : { 'content-length': String(isStream(body) ? body.sizeBytes : body.length) }),
        ...request.headers,
      },
    };
  }

  #exchange(outgoing: ClientRequest, body: HttpRequest['body']): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(this.#problem(error, outgoing.reusedSocket));
      outgoing.on('response', resolve);
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer for a minute')));
      if (!isStream(body)) {
        outgoing.on('error', fail);
        outgoing.end(body);
        return;
      }
      // A file that shrank while it was being sent also cuts the connection: the cause counts, which
      // only the pipeline knows.
      outgoing.on('error', () => undefined);
      pipeline(body.stream, outgoing).catch(fail);
    });
  }

  #problem(error: Error, wasReused: boolean): Error {
    if (error instanceof Problem || error.name === 'AbortError') return error;
    const code = systemErrorCode(error) ?? 'unknown';
    return new ConnectionProblem(
      `the platform at ${this.apiUrl} does not answer: ${REASONS[code] ?? errorMessage(error)}`,
      {
        code,
        wasNeverSent: code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN',
        isStale: wasReused && (code === 'ECONNRESET' || code === 'EPIPE'),
        cause: error,
      },
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ERR_STREAM_PREMATURE_CLOSE: 'the connection was cut',
  ENOTFOUND: 'the name is unknown',
  EAI_AGAIN: 'the name cannot be looked up now',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the machine cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
};

function isStream(body: HttpRequest['body']): body is { stream: Readable; sizeBytes: number } {
  return body !== undefined && !(body instanceof Uint8Array);
}

export async function readBytes(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    // Without an encoding set, an IncomingMessage yields Buffers.
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch (error) {
    throw cutOff(error);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

export async function readText(response: IncomingMessage): Promise<string> {
  return (await readBytes(response)).toString('utf8');
}

/** A reply that ended before its time. */
export function cutOff(cause: unknown): Error {
  if (cause instanceof Error && cause.name === 'AbortError') return cause;
  return new ConnectionProblem('the platform cut the answer off', {
    code: systemErrorCode(cause) ?? 'ECONNRESET',
    wasNeverSent: false,
    cause,
  });
}
