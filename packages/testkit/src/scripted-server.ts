import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { text } from 'node:stream/consumers';

/** What comes back for a request. */
export type ScriptedReply =
  | {
      status: number;
      headers?: Record<string, string>;
      /** Sent as JSON. */
      json?: unknown;
      /** Sent as it is, instead of JSON. */
      text?: string;
    }
  /** The request was read, and maybe acted on; the connection ends without an answer. */
  | 'lost'
  /** No answer, ever. */
  | 'silent'
  /** The head of a good answer and a part of its body, then nothing more. */
  | 'stuck'
  /** The same, then the connection ends. */
  | 'cut';

export interface ScriptedExchange {
  /** Method, path and query: `GET /servers?page=1`. */
  request: string;
  /** Compared if given. */
  json?: unknown;
  reply: ScriptedReply;
}

export interface SeenRequest {
  request: string;
  headers: IncomingMessage['headers'];
  json: unknown;
}

/** An outside system as a script: the requests it expects, in order, and what it answers. */
export interface ScriptedServer {
  url: string;
  seen: SeenRequest[];
  /** Resolves when so many requests have come in. */
  whenSeen(count: number): Promise<void>;
  /** Throws unless everything that was expected came, and nothing else. */
  verify(): void;
  close(): Promise<void>;
}

export async function startScriptedServer(
  script: readonly ScriptedExchange[],
): Promise<ScriptedServer> {
  const rest = [...script];
  const seen: SeenRequest[] = [];
  const problems: string[] = [];
  const watchers = new Set<() => void>();

  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const body = await text(incoming);
    const json: unknown = body === '' ? undefined : JSON.parse(body);
    const request = `${incoming.method} ${incoming.url}`;
    seen.push({ request, headers: incoming.headers, json });
    const expected = rest.shift();
    const problem = compare(expected, { request, json });
    if (problem !== undefined) problems.push(problem);
    send(response, problem === undefined ? (expected?.reply ?? UNEXPECTED) : UNEXPECTED);
    for (const watcher of watchers) watcher();
  };
  // A client that goes away in the middle of its request is its own business.
  const server = createServer((incoming, response) => void handle(incoming, response).catch(noop));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // It listens on TCP, so it has an address of this kind.
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    whenSeen: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (seen.length < count) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
    verify: () => {
      const missing = rest.map(({ request }) => `did not come: ${request}`);
      const all = [...problems, ...(problems.length > 0 ? [] : missing)];
      if (all.length > 0) throw new Error(`the script was not followed:\n${all.join('\n')}`);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const noop = () => undefined;

/** A status that no client tries again for. */
const UNEXPECTED: ScriptedReply = { status: 418, text: 'this request was not expected' };

function compare(
  expected: ScriptedExchange | undefined,
  { request, json }: { request: string; json: unknown },
): string | undefined {
  if (!expected) return `came, after the end of the script: ${request}`;
  if (expected.request !== request) return `expected ${expected.request}, came ${request}`;
  if (expected.json === undefined || isDeepStrictEqual(expected.json, json)) return undefined;
  const [wanted, came] = [expected.json, json].map((value) => JSON.stringify(value));
  return `${request}: expected the body ${wanted}, came ${came}`;
}

function send(response: ServerResponse, reply: ScriptedReply): void {
  if (reply === 'silent') return;
  if (reply === 'lost') {
    response.destroy();
  } else if (reply === 'stuck' || reply === 'cut') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"part":');
    if (reply === 'cut') setImmediate(() => response.destroy());
  } else {
    const body = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json));
    const contentType = reply.text === undefined ? 'application/json' : 'text/html';
    response.writeHead(reply.status, { 'content-type': contentType, ...reply.headers });
    response.end(body);
  }
}
