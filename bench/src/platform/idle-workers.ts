import type {
  ExchangeReply,
  ExchangeRequest,
  Lease,
  RegisterReply,
  ReportItem,
} from '@nexus/grid/contract';

import type { ControlPlane } from './control-plane.ts';
import { openApi, type Api } from './http.ts';

/** A worker that says of everything it is given that it is done: what remains is the queue alone. */
interface IdleWorker {
  api: Api;
  knownBatches: Set<string>;
}

export interface Drive {
  connections: number;
  slots: number;
  /** Executions to complete in all. */
  total: number;
}

export async function registerWorkers(
  plane: ControlPlane,
  { connections, slots }: Drive,
): Promise<IdleWorker[]> {
  const guest = openApi(`${plane.url}/api/v1`, '');
  const workers: IdleWorker[] = [];
  for (let count = 1; count <= connections; count += 1) {
    const reply = await guest.post<RegisterReply>('/worker/register', {
      ...{
        joinToken: plane.joinToken,
        name: `idle-${count}`,
        slots,
        cpus: slots,
        memoryBytes: slots * 2 ** 30,
      },
      ...{ drivers: ['process'], runtimes: ['python'] },
    });
    workers.push({
      api: openApi(`${plane.url}/api/v1`, reply.workerToken),
      knownBatches: new Set(),
    });
  }
  guest.close();
  return workers;
}

/** Leases and completes until `total` are done; returns the time it took. */
export async function completeAll(workers: readonly IdleWorker[], drive: Drive): Promise<number> {
  const progress = { done: 0, total: drive.total };
  const startedAt = performance.now();
  await Promise.all(workers.map((worker) => work(worker, drive.slots, progress)));
  return performance.now() - startedAt;
}

async function work(
  worker: IdleWorker,
  slots: number,
  progress: { done: number; total: number },
): Promise<void> {
  let held: Lease[] = [];
  while (progress.done < progress.total) {
    const request: ExchangeRequest = {
      items: held.map(finished),
      capacity: { slots, cpus: slots, memoryBytes: slots * 2 ** 30 },
      knownBatches: [...worker.knownBatches],
      waitMs: held.length > 0 ? 0 : 200,
    };
    const reply = await worker.api.post<ExchangeReply>('/worker/exchange', request);
    if (reply.results.some((result) => result !== 'accepted'))
      throw new Error('a result was refused');
    progress.done += held.length;
    held = reply.leases;
    for (const batch of reply.batches) worker.knownBatches.add(batch.id);
  }
}

function finished({ executionId, epoch }: Lease): ReportItem {
  return {
    ...{
      kind: 'finished',
      executionId,
      epoch,
      outcome: 'succeeded',
      exitCode: 0,
      reason: null,
      sandbox: 'process',
    },
    ...{ outputs: null, logs: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 } },
    usage: { wallMs: 1, cpuMs: 1, maxMemoryBytes: 1_000_000 },
  };
}
