import { bodyText, toApiRequest, type Serve } from './wire.ts';

/** A `fetch` that reaches the simulator and nothing else, in the same process. */
export function createFetch(serve: Serve): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const apiRequest = toApiRequest({
      method: request.method,
      url: new URL(request.url),
      authorization: request.headers.get('authorization') ?? undefined,
      body: await request.text(),
    });
    if (!apiRequest) return new Response('not found', { status: 404 });
    const reply = await Promise.race([serve(apiRequest), rejectOnAbort(request.signal)]);
    // The words of Node's own fetch when the other side hangs up.
    if (!reply) throw new TypeError('fetch failed', { cause: makeHangUp() });
    return new Response(reply.status === 204 ? null : bodyText(reply), {
      status: reply.status,
      headers: { 'Content-Type': 'application/json', ...reply.headers },
    });
  };
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    // `fetch` promises to reject with the reason as it is, whatever that is.
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

function makeHangUp(): Error {
  return Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
}
