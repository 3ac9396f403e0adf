import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';

import { AppError, isErrorCode } from '@nexus/kit/errors';

export interface HttpCall {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  path: string;
  headers?: Record<string, string>;
  body?: Buffer | Readable;
  token?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Silence for this long is a failure. */
  timeoutMs: number;
}

export interface Http {
  send(call: HttpCall): Promise<IncomingMessage>;
  close(): void;
}

/** HTTP with kept-alive connections. Answers from 400 on are thrown as AppError with the server's code. */
export function createHttp(base: string): Http {
  const url = new URL(base);
  const isTls = url.protocol === 'https:';
  const agent = isTls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const prefix = url.pathname.replace(/\/$/, '');

  async function send(call: HttpCall): Promise<IncomingMessage> {
    const options: RequestOptions = {
      ...{ host: url.hostname, port: url.port || (isTls ? 443 : 80), agent, method: call.method },
      path: prefix + call.path,
      headers: headersOf(call),
      timeout: call.timeoutMs,
      ...(call.signal ? { signal: call.signal } : {}),
    };
    const response = await start(options, call.body, isTls);
    if ((response.statusCode ?? 500) < 400) return response;
    throw await toError(response);
  }
  return { send, close: () => agent.destroy() };
}

function headersOf({ token, body, headers }: HttpCall): Record<string, string | number> {
  return {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(Buffer.isBuffer(body) ? { 'content-length': body.length } : {}),
    ...headers,
  };
}

function start(
  options: RequestOptions,
  body: Buffer | Readable | undefined,
  isTls: boolean,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (isTls ? httpsRequest : httpRequest)(options, resolve);
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('the control plane does not answer')));
    if (body === undefined || Buffer.isBuffer(body)) request.end(body);
    // A failing source ends the request; the request's own failures come through its error event.
    else
      pipeline(body, request).catch((error: unknown) =>
        request.destroy(error instanceof Error ? error : undefined),
      );
  });
}

interface ErrorAnswer {
  error?: { code?: unknown; message?: unknown; details?: Record<string, unknown> };
}

async function toError(response: IncomingMessage): Promise<AppError> {
  const text = (await buffer(response)).toString('utf8');
  const { error } = parseAnswer(text);
  const fallback = response.statusCode === 401 ? 'unauthorized' : 'unavailable';
  const code = isErrorCode(error?.code) ? error.code : fallback;
  const message =
    typeof error?.message === 'string'
      ? error.message
      : `the control plane answered ${response.statusCode}`;
  return new AppError(code, message, { details: error?.details ?? {} });
}

function parseAnswer(text: string): ErrorAnswer {
  try {
    const value: unknown = JSON.parse(text);
    // Every field is checked by the caller before it is used.
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
