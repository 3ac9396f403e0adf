import { Agent, request, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface Api {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  put(path: string, bytes: Buffer): Promise<void>;
  close(): void;
}

/**
 * JSON over kept-alive connections, cheap enough to be a small part of what is measured. Answers are
 * not checked against their schemas for the same reason; the type is the caller's word.
 */
export function openApi(base: string, token: string): Api {
  const agent = new Agent({ keepAlive: true });
  const send = async (call: {
    method: string;
    path: string;
    bytes?: Buffer;
    type?: string;
  }): Promise<string> => {
    const { method, path, bytes, type = 'application/json' } = call;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${token}`,
        ...(bytes ? { 'content-type': type, 'content-length': bytes.length } : {}),
      };
      request(`${base}${path}`, { method, agent, headers }, resolve).on('error', reject).end(bytes);
    });
    const text = (await buffer(response)).toString('utf8');
    if ((response.statusCode ?? 500) < 400) return text;
    throw new Error(`${method} ${path} answered ${response.statusCode}: ${text.slice(0, 300)}`);
  };
  return {
    get: async <T>(path: string) => JSON.parse(await send({ method: 'GET', path })) as T,
    post: async <T>(path: string, body: unknown) =>
      JSON.parse(
        await send({ method: 'POST', path, bytes: Buffer.from(JSON.stringify(body)) }),
      ) as T,
    put: async (path, bytes) =>
      void (await send({ method: 'PUT', path, bytes, type: 'application/octet-stream' })),
    close: () => agent.destroy(),
  };
}
