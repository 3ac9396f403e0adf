import type { IncomingMessage } from 'node:http';

import type {
  Batch,
  BatchEvent,
  CancelReply,
  Cost,
  Estimate,
  Execution,
  ExecutionCostList,
  ExecutionList,
  LogEvent,
  Manifest,
  RetryReply,
  SubmitReply,
  Submission,
  Worker,
} from '@nexus/grid/contract';
import type { RetryPolicy } from '@nexus/kit/retry';

import * as checks from './checks.ts';
import { HttpTransport, readText, type HttpRequest } from './http-transport.ts';
import { readJsonLines } from './read-lines.ts';
import { FOLLOW_RETRIES, retryRequest } from './retry-requests.ts';

export interface GridApiOptions {
  apiUrl: string;
  apiKey: string;
  policy: RetryPolicy;
  /** For streams that go on for as long as a run does. */
  followPolicy?: RetryPolicy;
  onRetry: (error: unknown, delayMs: number) => void;
}

type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** The platform's API as the command line uses it: one method a route, retried where that is safe. */
export class GridApi {
  readonly #transport: HttpTransport;
  readonly #options: GridApiOptions;

  constructor(options: GridApiOptions) {
    this.#options = options;
    this.#transport = new HttpTransport(options.apiUrl, options.apiKey);
  }

  get followPolicy(): RetryPolicy {
    return this.#options.followPolicy ?? FOLLOW_RETRIES;
  }

  get requestPolicy(): RetryPolicy {
    return this.#options.policy;
  }

  get apiUrl(): string {
    return this.#transport.apiUrl;
  }

  close(): void {
    this.#transport.close();
  }

  /** Safe to repeat: a submission carries its idempotency key. */
  async submit(submission: Submission): Promise<SubmitReply> {
    return checks.asSubmitReply(await this.#post('/batches', submission));
  }

  async start(batchId: string): Promise<{ state: 'uploading' | 'accepted'; missing: string[] }> {
    return checks.asStartReply(await this.#post(`/batches/${part(batchId)}/start`));
  }

  async getBatch(id: string): Promise<Batch> {
    return checks.asBatch(await this.#get(`/batches/${part(id)}`));
  }

  async getExecution(id: string): Promise<Execution> {
    return checks.asExecution(await this.#get(`/executions/${part(id)}`));
  }

  async listExecutions(query: Query): Promise<ExecutionList> {
    return checks.asExecutionList(await this.#get('/executions', query));
  }

  /** Every execution of a batch, page by page. */
  async *executionsOf(batchId: string): AsyncGenerator<Execution> {
    let cursor: string | undefined;
    do {
      const query = { limit: 1000, cursor };
      const page = checks.asExecutionList(
        await this.#get(`/batches/${part(batchId)}/executions`, query),
      );
      yield* page.executions;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  async getOutputs(executionId: string): Promise<Manifest> {
    return checks.asManifest(await this.#get(`/executions/${part(executionId)}/outputs`));
  }

  async cancelBatch(id: string): Promise<CancelReply> {
    return checks.asCancelReply(await this.#post(`/batches/${part(id)}/cancel`));
  }

  async cancelExecution(id: string): Promise<CancelReply> {
    return checks.asCancelReply(await this.#post(`/executions/${part(id)}/cancel`));
  }

  async retryBatch(id: string, all: boolean): Promise<RetryReply> {
    return checks.asRetryReply(await this.#post(`/batches/${part(id)}/retry`, { all }, false));
  }

  async retryExecution(id: string, all: boolean): Promise<RetryReply> {
    return checks.asRetryReply(await this.#post(`/executions/${part(id)}/retry`, { all }, false));
  }

  async listWorkers(): Promise<Worker[]> {
    return checks.asWorkerList(await this.#get('/workers')).workers;
  }

  async getCost(query: Query): Promise<Cost> {
    return checks.asCost(await this.#get('/cost', query));
  }

  async listExecutionCosts(query: Query): Promise<ExecutionCostList> {
    return checks.asExecutionCostList(await this.#get('/cost/executions', query));
  }

  async getEstimate(query: Query): Promise<Estimate> {
    return checks.asEstimate(await this.#get('/estimate', query));
  }

  async whoami(): Promise<{ account: string; keyName: string }> {
    return checks.asWhoami(await this.#get('/whoami'));
  }

  /** One connection's worth of events; the caller reconnects from the last version it saw. */
  async *batchEvents(id: string, query: Query, signal?: AbortSignal): AsyncGenerator<BatchEvent> {
    for await (const event of this.#lines(`/batches/${part(id)}/events${search(query)}`, signal)) {
      yield checks.asBatchEvent(event);
    }
  }

  /** One connection's worth of log events; the caller reconnects from the last chunk it saw. */
  async *logEvents(id: string, query: Query, signal?: AbortSignal): AsyncGenerator<LogEvent> {
    for await (const event of this.#lines(`/executions/${part(id)}/logs${search(query)}`, signal)) {
      yield checks.asLogEvent(event);
    }
  }

  /** A request for bytes, up or down, as it is: transfers have their own way of going on after a cut. */
  async send(request: HttpRequest): Promise<IncomingMessage> {
    return this.#transport.send({ ...request, path: `/api/v1${request.path}` });
  }

  async *#lines(path: string, signal: AbortSignal | undefined): AsyncGenerator {
    const response = await this.send({ method: 'GET', path, signal });
    try {
      // Without an encoding set, an IncomingMessage yields Buffers.
      yield* readJsonLines(response as AsyncIterable<Buffer>);
    } finally {
      response.destroy();
    }
  }

  async #get(path: string, query: Query = {}): Promise<unknown> {
    return this.#json({ method: 'GET', path: path + search(query) }, true);
  }

  async #post(path: string, body: unknown = {}, isRepeatable = true): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    return this.#json(
      { method: 'POST', path, headers, body: Buffer.from(JSON.stringify(body)) },
      isRepeatable,
    );
  }

  async #json(request: HttpRequest, isRepeatable: boolean): Promise<unknown> {
    const { policy, onRetry } = this.#options;
    const text = await retryRequest({ policy, onRetry, isRepeatable }, async () =>
      readText(await this.send(request)),
    );
    return JSON.parse(text);
  }
}

function part(id: string): string {
  return encodeURIComponent(id);
}

function search(query: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(name, String(one));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}
