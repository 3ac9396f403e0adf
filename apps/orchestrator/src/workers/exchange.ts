import type { ExchangeReply, exchangeRequestSchema, Lease, ReportItem } from '@nexus/grid/contract';
import type { z } from 'zod';

import { storeLogs } from '../logs/log-store.ts';
import { storeManifest, type StoredManifest } from '../manifests/manifest-store.ts';
import { claim } from '../queue/claim.ts';
import { report, type ReportOutcome } from '../queue/report.ts';
import type { Topic } from '../signals/signals.ts';
import { listCommands } from './commands.ts';
import { loadLeasedBatches } from './leased-batches.ts';
import { releaseLeases } from './release-leases.ts';
import type { WorkerDeps } from './worker-deps.ts';
import type { WorkerIdentity } from './worker-registry.ts';

type Exchange = z.output<typeof exchangeRequestSchema>;

/** How often a waiting poll looks by itself, should a signal have been lost. */
const LOOK_AGAIN_MS = 2000;

/** Takes logs and reports, then leases; waits for work or a command if asked to. */
export async function exchange(
  deps: WorkerDeps,
  worker: WorkerIdentity,
  call: { request: Exchange; signal: AbortSignal },
): Promise<ExchangeReply> {
  const { request, signal } = call;
  await storeLogs(deps, worker.id, request.logs);
  const reported = await takeReports(deps, worker, request.items);
  const deadline = Date.now() + request.waitMs;
  for (;;) {
    const reply = await look(deps, worker, request);
    // Whoever asked has gone meanwhile: nobody will hear of these leases.
    if (signal.aborted) await releaseLeases(deps, worker, reply.leases);
    const remainingMs = deadline - Date.now();
    const hasNews = reply.leases.length > 0 || reply.cancel.length > 0 || reply.drain;
    if (hasNews || remainingMs <= 0 || signal.aborted) return { results: reported.results, ...reply };
    const topics: Topic[] = ['queue', `worker:${worker.id}`];
    await deps.signals.wait(topics, Math.min(remainingMs, LOOK_AGAIN_MS), signal);
    if (signal.aborted) return { results: reported.results, leases: [], batches: [], cancel: [], drain: false };
  }
}

async function takeReports(
  deps: WorkerDeps,
  worker: WorkerIdentity,
  items: readonly ReportItem[],
): Promise<ReportOutcome> {
  const outcome = await report(deps, {
    worker,
    items,
    outputs: await storeOutputs(deps, items),
    maxTimesLost: deps.maxTimesLost,
  });
  deps.signals.notify(
    ...outcome.batchIds.map((id): Topic => `batch:${id}`),
    ...items.map((item): Topic => `execution:${item.executionId}`),
    ...(outcome.isQueueChanged ? (['queue'] as const) : []),
  );
  return outcome;
}

async function storeOutputs(deps: WorkerDeps, items: readonly ReportItem[]): Promise<Map<number, StoredManifest>> {
  const stored = new Map<number, StoredManifest>();
  for (const [position, item] of items.entries()) {
    if (item.kind !== 'finished' || item.outputs === null) continue;
    stored.set(position, await storeManifest(deps.blobs, item.outputs));
  }
  return stored;
}

type Found = Omit<ExchangeReply, 'results'>;

async function look(deps: WorkerDeps, worker: WorkerIdentity, request: Exchange): Promise<Found> {
  // A call that neither leases nor waits only brings something: nothing to look for.
  if (!request.capacity && request.waitMs === 0) return { leases: [], batches: [], cancel: [], drain: false };
  const commands = await listCommands(deps, worker.id);
  const known = new Set(request.knownCancels);
  const cancel = commands.cancel.filter((lease) => !known.has(lease.executionId));
  if (commands.drain || !request.capacity) return { leases: [], batches: [], cancel, drain: commands.drain };
  const leases = await claim(deps.database, {
    workerId: worker.id,
    capacity: request.capacity,
    total: worker,
    offers: worker.offers,
    leaseMs: deps.leaseMs,
  });
  const { batches, sealed } = await loadLeasedBatches(deps, leases, new Set(request.knownBatches));
  await failSealed(deps, worker, { leases, sealed });
  deps.signals.notify(...[...new Set(leases.map((lease) => lease.batchId))].map((id): Topic => `batch:${id}`));
  return { leases: leases.filter((lease) => !sealed.has(lease.batchId)), batches, cancel, drain: false };
}

/** No worker will ever get the `--env` values of these: they fail with the reason, and hold up nobody else's work. */
async function failSealed(
  deps: WorkerDeps,
  worker: WorkerIdentity,
  { leases, sealed }: { leases: readonly Lease[]; sealed: ReadonlyMap<string, string> },
): Promise<void> {
  const items = leases.flatMap(({ executionId, epoch, batchId }): ReportItem[] => {
    const why = sealed.get(batchId);
    if (why === undefined) return [];
    const reason = `its --env values cannot be opened: ${why}`;
    const nothing = { outputs: null, logs: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 }, usage: { wallMs: null, cpuMs: null, maxMemoryBytes: null } };
    return [{ executionId, epoch, kind: 'finished', outcome: 'failed', exitCode: null, reason, sandbox: '', ...nothing }];
  });
  if (items.length > 0) await takeReports(deps, worker, items);
}
