import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import {
  submissionSchema,
  type Batch,
  type Execution,
  type ParsedSubmission,
} from '@nexus/grid/contract';
import { manifestBytes, manifestSha256 } from '@nexus/grid/manifests';

import {
  batchOf,
  chunksOf,
  logsOf,
  executionOf,
  outputsOf,
  sha256Of,
  type Behaviour,
} from './fake-execution.ts';

/** Something that goes wrong once with a request that fits. */
export interface Fault {
  /** `GET /executions/.*logs`: method and path below /api/v1. */
  request: RegExp;
  /**
   * An error answer, a connection that is reset, an answer that breaks off after so many bytes, or
   * an upload that does, of which those bytes were kept.
   */
  action: Action;
}

interface Action {
  status?: number;
  code?: string;
  isReset?: boolean;
  cutAfterBytes?: number;
  keepBytes?: number;
}

interface FakeBatch {
  submission: ParsedSubmission;
  executions: Execution[];
  behaviours: Behaviour[];
  isStarted: boolean;
}

/** A control plane in memory that speaks real HTTP and does at once what a test says. */
export class FakePlatform {
  readonly blobs = new Map<string, Buffer>();
  readonly batches = new Map<string, FakeBatch>();
  /** `POST /batches`, in order. */
  readonly requests: string[] = [];
  readonly faults: Fault[] = [];
  readonly key = 'rgrid_test_key';
  /** Of the batches to come, in order. */
  batchIds = ['k000000000aa', 'k000000000bb', 'k000000000cc', 'k000000000dd'];
  /** What each execution does, by its index in the batch. */
  behave: (index: number, args: readonly string[]) => Behaviour = () => ({});
  /** What the platform adds to its reply to a submit. */
  submitReply: Partial<{ isAttached: boolean; reused: number; requeued: number }> = {};
  readonly #server: Server = createServer((request, response) => {
    // A client that hangs up in the middle is what many tests are about.
    this.#serve(request, response).catch(() => response.destroy());
  });
  readonly #partial = new Map<string, Buffer>();

  static async start(): Promise<FakePlatform> {
    const platform = new FakePlatform();
    platform.#server.listen(0, '127.0.0.1');
    await once(platform.#server, 'listening');
    return platform;
  }

  get url(): string {
    const address = this.#server.address();
    return typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : '';
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get lastSubmission(): ParsedSubmission {
    const batch = [...this.batches.values()].at(-1);
    if (!batch) throw new Error('nothing was submitted');
    return batch.submission;
  }

  /** Content of a project file as it arrived. */
  sent(path: string): string | undefined {
    const entry = this.lastSubmission.project.entries.find((candidate) => candidate.path === path);
    return entry?.type === 'file' ? this.blobs.get(entry.sha256)?.toString() : undefined;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace('/api/v1', '');
    const name = `${request.method} ${path}`;
    this.requests.push(name);
    const position = this.faults.findIndex((fault) => fault.request.test(name));
    const [fault] = position < 0 ? [] : this.faults.splice(position, 1);
    const action = fault?.action ?? {};
    if (action.isReset) {
      request.socket.destroy();
      return;
    }
    if (action.cutAfterBytes !== undefined) cutAfter(response, action.cutAfterBytes);
    if (action.keepBytes !== undefined) {
      await this.#keepPart(request, action.keepBytes);
      return;
    }
    if (request.headers.authorization !== `Bearer ${this.key}`) {
      sendError(response, 401, 'unauthorized');
      return;
    }
    if (action.status !== undefined) {
      sendError(response, action.status, action.code ?? 'unavailable');
      return;
    }
    const body = await readBody(request);
    const url = new URL(path, 'http://x');
    const parts = url.pathname.split('/').slice(1);
    const call = { method: request.method ?? '', parts, url, body, request, response };
    if (!this.#route(call)) sendError(response, 404, 'not_found');
  }

  async #keepPart(request: IncomingMessage, count: number): Promise<void> {
    const sha256 = /[0-9a-f]{64}/.exec(request.url ?? '')?.[0] ?? '';
    const { socket } = request;
    let held = Buffer.alloc(0);
    for await (const chunk of request as AsyncIterable<Buffer>) {
      held = Buffer.concat([held, chunk]);
      if (held.length >= count) break;
    }
    this.#partial.set(sha256, held.subarray(0, count));
    socket.destroy();
  }

  #route(call: Call): boolean {
    const { method, parts, body, response } = call;
    const [resource, id = '', part] = parts;
    if (resource === 'whoami') return send(response, { account: 'test', keyName: 'test' });
    if (resource === 'workers') return send(response, { workers: [] });
    if (resource === 'blobs') return this.#blob(call, id);
    if (resource === 'batches' && method === 'POST' && id === '')
      return this.#submit(response, body);
    const batch = this.batches.get(id.split('-')[0] ?? '');
    if (resource === 'executions' && id === '') return this.#list(response);
    if (!batch) return false;
    if (part === 'start') return this.#start(response, batch);
    if (part === 'cancel') return this.#cancel(response, batch);
    if (resource === 'batches') return this.#batch(call, id, batch);
    return this.#execution(call, id, batch);
  }

  #submit(response: ServerResponse, body: Buffer): boolean {
    const submission = submissionSchema.parse(JSON.parse(body.toString()));
    const id = this.batchIds[this.batches.size] ?? 'k000000000zz';
    const executions = submission.executions.map(({ label, args, input }, index) =>
      executionOf({
        id: `${id}-${index}`,
        batchId: id,
        index,
        label,
        script: submission.spec.script,
        args,
        input,
        state: 'queued',
      }),
    );
    this.blobs.set(manifestSha256(submission.project), manifestBytes(submission.project));
    const batch = { submission, executions, behaviours: [], isStarted: false };
    this.batches.set(id, batch);
    const missing = this.#missing(submission);
    if (missing.length === 0) this.#run(batch);
    const state = missing.length > 0 ? 'uploading' : 'accepted';
    return send(response, {
      batchId: id,
      state,
      isAttached: false,
      reused: 0,
      requeued: 0,
      missing,
      ...this.submitReply,
    });
  }

  #missing({ project, executions, spec }: ParsedSubmission): string[] {
    const files = project.entries.flatMap((entry) => (entry.type === 'file' ? [entry.sha256] : []));
    const inputs = executions.flatMap(({ input }) => (input ? [input.sha256] : []));
    const stdin = spec.stdin ? [spec.stdin.sha256] : [];
    return [...new Set([...files, ...inputs, ...stdin])].filter(
      (sha256) => !this.blobs.has(sha256),
    );
  }

  #run(batch: FakeBatch): void {
    batch.isStarted = true;
    batch.behaviours = batch.executions.map(({ index, args }) => this.behave(index, args));
    batch.executions = batch.executions.map((execution, index) => {
      const behaviour = batch.behaviours[index] ?? {};
      for (const [sha256, bytes] of outputsOf(behaviour).blobs) this.blobs.set(sha256, bytes);
      const state = behaviour.isEndless
        ? 'running'
        : (behaviour.state ?? (behaviour.exitCode ? 'failed' : 'succeeded'));
      return executionOf({ ...execution, state }, behaviour);
    });
  }

  #start(response: ServerResponse, batch: FakeBatch): boolean {
    const missing = this.#missing(batch.submission);
    if (missing.length === 0 && !batch.isStarted) this.#run(batch);
    return send(response, { state: missing.length > 0 ? 'uploading' : 'accepted', missing });
  }

  #cancel(response: ServerResponse, batch: FakeBatch): boolean {
    const running = batch.executions.filter((execution) => execution.state === 'running').length;
    batch.executions = batch.executions.map((execution) =>
      execution.state === 'running'
        ? { ...execution, state: 'cancelled', exitCode: null }
        : execution,
    );
    return send(response, { cancelled: 0, stopping: running });
  }

  #list(response: ServerResponse): boolean {
    const executions = [...this.batches.values()].flatMap((batch) => batch.executions).reverse();
    return send(response, { executions, nextCursor: null });
  }

  #batch({ parts, url, response }: Call, id: string, batch: FakeBatch): boolean {
    const summary: Batch = batchOf(id, batch.executions, batch.submission);
    if (parts[2] === 'executions')
      return send(response, { executions: batch.executions, nextCursor: null });
    if (parts[2] !== 'events') return send(response, summary);
    const after = Number(url.searchParams.get('after') ?? 0);
    const known = new Set(batch.executions.filter(hasEnded).map((execution) => execution.index));
    const event = (execution: Execution) => ({
      type: 'execution',
      version: execution.index + 1,
      execution,
      logs: logsOf(execution.id, batch.behaviours[execution.index] ?? {}),
    });
    const lines = batch.executions
      .filter(hasEnded)
      .map(event)
      .filter(({ version }) => version > after);
    const poll = () =>
      batch.executions
        .filter((execution) => hasEnded(execution) && !known.has(execution.index))
        .map(event);
    return this.#stream(response, lines, () => {
      const isOver = batch.executions.every(hasEnded);
      return isOver
        ? [...poll(), { type: 'end', batch: batchOf(id, batch.executions, batch.submission) }]
        : undefined;
    });
  }

  #execution({ parts, url, response }: Call, id: string, batch: FakeBatch): boolean {
    const index = Number(id.split('-')[1]);
    const behaviour = batch.behaviours[index] ?? {};
    const current = () => batch.executions[index];
    if (!current()) return false;
    if (parts[2] === 'outputs') return send(response, outputsOf(behaviour).manifest);
    if (parts[2] !== 'logs') return send(response, current());
    const [, sequence = '-1'] = url.searchParams.get('after')?.split(':') ?? [];
    const stream = url.searchParams.get('stream');
    const chunks = chunksOf(id, behaviour).filter(
      (chunk) => chunk.sequence > Number(sequence) && (stream === null || chunk.stream === stream),
    );
    const lines = [
      ...(sequence === '-1' ? [{ type: 'attempt', epoch: 1 }] : []),
      ...chunks.map((chunk) => ({ type: 'chunk', chunk })),
    ];
    const isFollowing = url.searchParams.get('follow') === 'true';
    return this.#stream(response, lines, () => {
      const execution = current();
      return execution && (hasEnded(execution) || !isFollowing)
        ? [{ type: 'end', execution }]
        : undefined;
    });
  }

  /** Sends the lines, then waits until `end` has the last ones. */
  #stream(
    response: ServerResponse,
    lines: readonly unknown[],
    end: () => unknown[] | undefined,
  ): boolean {
    const write = (values: readonly unknown[]) =>
      response.write(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    write([...lines, { type: 'heartbeat' }]);
    const timer = setInterval(() => {
      const last = end();
      if (!last && !response.destroyed) return;
      clearInterval(timer);
      if (last) write(last);
      response.end();
    }, 5);
    return true;
  }

  #blob({ method, url, body, request, response }: Call, sha256: string): boolean {
    const whole = this.blobs.get(sha256);
    if (method === 'GET') return whole ? sendRange(response, whole, request.headers.range) : false;
    const held = this.#partial.get(sha256) ?? Buffer.alloc(0);
    if (method === 'HEAD') {
      response
        .setHeader('upload-offset', whole?.length ?? held.length)
        .setHeader('upload-complete', String(whole !== undefined))
        .end();
      return true;
    }
    const offset = Number(url.searchParams.get('offset'));
    const size = Number(url.searchParams.get('size'));
    if (offset !== held.length)
      return sendError(response, 409, 'upload_offset_mismatch', { offset: held.length });
    const now = Buffer.concat([held, body]);
    this.#partial.set(sha256, now);
    if (now.length < size) return send(response, { isComplete: false, offset: now.length });
    this.#partial.delete(sha256);
    if (sha256Of(now) !== sha256) return sendError(response, 422, 'digest_mismatch');
    this.blobs.set(sha256, now);
    return send(response, { isComplete: true, offset: now.length });
  }
}

interface Call {
  method: string;
  parts: readonly string[];
  url: URL;
  body: Buffer;
  request: IncomingMessage;
  response: ServerResponse;
}

function hasEnded({ state }: Execution): boolean {
  return !['uploading', 'queued', 'leased', 'running', 'publishing'].includes(state);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, value: unknown): true {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  return true;
}

function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  details?: unknown,
): true {
  const error = { code, message: `${code} on purpose`, retryable: status >= 500, details };
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
  return true;
}

function sendRange(response: ServerResponse, bytes: Buffer, range: string | undefined): true {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start });
  response.end(bytes.subarray(start));
  return true;
}

/** Lets so many bytes of the body out and then breaks the connection. */
function cutAfter(response: ServerResponse, limit: number): void {
  const write = response.write.bind(response);
  let left = limit;
  const cut = (chunk: unknown) => {
    const bytes = Buffer.from(chunk as Buffer | string);
    write(bytes.subarray(0, left));
    left -= bytes.length;
    if (left <= 0) setImmediate(() => response.socket?.destroy());
    return true;
  };
  response.write = cut as typeof response.write;
  const finish = (chunk: unknown = Buffer.alloc(0)) => cut(chunk);
  response.end = finish as unknown as typeof response.end;
}
