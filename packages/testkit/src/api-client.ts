/** A bare JSON client: tests say what goes over the wire and see what comes back. */
export interface ApiClient {
  get(path: string): Promise<ApiAnswer>;
  post(path: string, body?: unknown): Promise<ApiAnswer>;
  put(path: string, body: Uint8Array): Promise<ApiAnswer>;
  raw(path: string, init?: RequestInit): Promise<Response>;
  /** All lines of an NDJSON answer, to its end. */
  lines(path: string): Promise<unknown[]>;
}

export interface ApiAnswer {
  status: number;
  // Tests look at fields of many shapes; the contract itself is checked where it is parsed.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

export function createApiClient(base: string, token: string | undefined): ApiClient {
  const authorization: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  const raw = (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(authorization)) headers.set(name, value);
    return fetch(base + path, { ...init, headers });
  };
  const answer = async (response: Response): Promise<ApiAnswer> => {
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  };
  const json = { 'content-type': 'application/json' };
  return {
    raw,
    get: async (path) => answer(await raw(path)),
    post: async (path, body = {}) =>
      answer(await raw(path, { method: 'POST', body: JSON.stringify(body), headers: json })),
    put: async (path, body) =>
      answer(
        await raw(path, {
          method: 'PUT',
          body: new Uint8Array(body),
          headers: { 'content-type': 'application/octet-stream' },
        }),
      ),
    lines: async (path) => {
      const text = await (await raw(path)).text();
      return text
        .split('\n')
        .filter(Boolean)
        .map((line): unknown => JSON.parse(line));
    },
  };
}
