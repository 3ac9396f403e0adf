import type { z } from 'zod';

import {
  exchangeReplySchema,
  heartbeatReplySchema,
  registerReplySchema,
  uploadReplySchema,
  type ExchangeReply,
  type ExchangeRequest,
  type FinishedItem,
  type HeartbeatReply,
  type Lease,
  type LeaseRef,
  type LogItem,
  type RegisterRequest,
} from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';
import { createApiClient, type ApiAnswer, type ApiClient } from '@nexus/testkit';

export type WorkerTraits = Omit<RegisterRequest, 'joinToken'>;

const TRAITS: WorkerTraits = {
  name: 'worker',
  slots: 4,
  cpus: 64,
  memoryBytes: 64 * 1024 ** 3,
  drivers: ['process'],
  runtimes: ['python'],
};

/** A worker on the other end of the wire that runs nothing: the test says what it reports. */
export class FakeWorker {
  readonly id: string;
  readonly token: string;
  readonly traits: WorkerTraits;
  readonly api: ApiClient;

  private constructor(
    url: string,
    registered: { id: string; token: string; traits: WorkerTraits },
  ) {
    this.id = registered.id;
    this.token = registered.token;
    this.traits = registered.traits;
    this.api = createApiClient(`${url}/api/v1/worker`, registered.token);
  }

  static async register(
    url: string,
    joinToken: string,
    traits: Partial<WorkerTraits> = {},
  ): Promise<FakeWorker> {
    const all = { ...TRAITS, ...traits };
    const answer = await createApiClient(`${url}/api/v1/worker`, undefined).post('/register', {
      joinToken,
      ...all,
    });
    const reply = parse(registerReplySchema, answer);
    return new FakeWorker(url, { id: reply.workerId, token: reply.workerToken, traits: all });
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    return parse(exchangeReplySchema, await this.api.post('/exchange', request));
  }

  /** Asks for up to that many executions and answers at once, with or without any. */
  async lease(slots: number, room: { cpus?: number; memoryBytes?: number } = {}): Promise<Lease[]> {
    const { cpus, memoryBytes } = this.traits;
    const { leases } = await this.exchange({ capacity: { slots, cpus, memoryBytes, ...room } });
    return leases;
  }

  /** One execution; throws if there is none. */
  async leaseOne(): Promise<Lease> {
    const [lease] = await this.lease(1);
    if (!lease) throw new Error('there was nothing to lease');
    return lease;
  }

  async heartbeat(leases: readonly LeaseRef[]): Promise<HeartbeatReply> {
    return parse(
      heartbeatReplySchema,
      await this.api.post('/heartbeat', { leases: leases.map(refOf) }),
    );
  }

  /** Reports one item and returns what became of it. */
  async report(
    item: NonNullable<ExchangeRequest['items']>[number],
  ): Promise<ExchangeReply['results'][number] | undefined> {
    const { results } = await this.exchange({ items: [item] });
    return results[0];
  }

  async finish(lease: LeaseRef, result: Partial<FinishedItem> = {}) {
    return this.report(finished(lease, result));
  }

  /** Leases all there is and ends it: by first argument, how; the rest succeeds. Returns what ran. */
  async runAll(
    outcomes: Readonly<Record<string, FinishedItem['outcome']>> = {},
  ): Promise<string[]> {
    const ran: string[] = [];
    for (let leases = await this.lease(100); leases.length > 0; leases = await this.lease(100)) {
      for (const lease of leases) {
        const [name = ''] = lease.args;
        ran.push(name);
        await this.finish(lease, { outcome: outcomes[name] ?? 'succeeded' });
      }
    }
    return ran.toSorted();
  }

  async log(
    lease: LeaseRef,
    chunks: readonly (Partial<LogItem> & { sequence: number })[],
  ): Promise<void> {
    await this.exchange({
      logs: chunks.map((chunk) => ({ ...refOf(lease), stream: 'stdout', ...chunk })),
    });
  }

  /** Uploads bytes for the account of a leased execution; returns their name. */
  async upload(lease: LeaseRef, bytes: Uint8Array): Promise<string> {
    const name = sha256(bytes);
    parse(uploadReplySchema, await this.tryUpload(lease, bytes));
    return name;
  }

  tryUpload(lease: LeaseRef, bytes: Uint8Array): Promise<ApiAnswer> {
    return this.api.put(
      `/blobs/${sha256(bytes)}?${leaseQuery(lease)}&offset=0&size=${bytes.length}`,
      bytes,
    );
  }
}

export function leaseQuery(lease: LeaseRef): string {
  return `execution=${lease.executionId}&epoch=${lease.epoch}`;
}

export function refOf({ executionId, epoch }: LeaseRef): LeaseRef {
  return { executionId, epoch };
}

export function finished(lease: LeaseRef, result: Partial<FinishedItem> = {}): FinishedItem {
  const outcome = result.outcome ?? 'succeeded';
  return {
    ...refOf(lease),
    kind: 'finished',
    exitCode: outcome === 'succeeded' ? 0 : 1,
    reason: null,
    sandbox: 'process',
    outputs: null,
    logs: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 },
    usage: { wallMs: 1000, cpuMs: 900, maxMemoryBytes: 1 << 20 },
    ...result,
    outcome,
  };
}

function parse<T>(schema: z.ZodType<T>, answer: ApiAnswer): T {
  if (answer.status !== 200)
    throw new Error(`the control plane answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return schema.parse(answer.body);
}
