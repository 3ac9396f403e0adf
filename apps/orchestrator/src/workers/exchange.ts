import type {
  Capacity,
  ExchangeReply,
  exchangeRequestSchema,
  Lease,
  ReportItem,
} from '@nexus/grid/contract';
import type { z } from 'zod';

import { storeLogs } from '../logs/log-store.ts';
import { storeManifest, type StoredManifest } from '../manifests/manifest-store.ts';
import { claim, type ClaimRequest } from '../queue/claim.ts';
import { report as takeReport, type Report, type ReportOutcome } from '../queue/report.ts';
import type { Topic } from '../signals/signals.ts';
import { listCommands } from './commands.ts';
import { loadLeasedBatches } from './leased-batches.ts';
import { releaseLeases } from './release-leases.ts';
import type { WorkerDeps } from './worker-deps.ts';
import type { WorkerIdentity } from './worker-registry.ts';

type Exchange = z.output<typeof exchangeRequestSchema>;

/** How often a waiting poll looks by itself, should a signal have been lost. */
const LOOK_AGAIN_MS = 2000;

/** Takes logs and reports and leases; waits for work or a command if asked to. */
export async function exchange(
  deps: WorkerDeps,
  worker: WorkerIdentity,
  call: { request: Exchange; signal: AbortSignal },
): Promise<ExchangeReply> {
  const { request, signal } = call;
  await storeLogs(deps, worker.id, request.logs);
  const { results, leases } = await takeTurn(deps, worker, request);
  let reply =
    results.length > 0
      ? await hand(deps, worker, { request, leases })
      : await look(deps, worker, request);
  const deadline = Date.now() + request.waitMs;
  for (;;) {
    // Whoever asked has gone meanwhile: nobody will hear of these leases.
    if (signal.aborted) {
      await releaseLeases(deps, worker, reply.leases);
      return { results, ...NOTHING };
    }
    const remainingMs = deadline - Date.now();
    const hasNews = reply.leases.length > 0 || reply.cancel.length > 0 || reply.drain;
    if (hasNews || remainingMs <= 0) return { results, ...reply };
    const topics: Topic[] = ['queue', `worker:${worker.id}`];
    await deps.signals.wait(topics, Math.min(remainingMs, LOOK_AGAIN_MS), signal);
    if (!signal.aborted) reply = await look(deps, worker, request);
  }
}

const NOTHING: Found = { leases: [], batches: [], cancel: [], drain: false };

/** A manifest of more files than this takes its time: its report goes by itself, and others do not wait for it. */
const MANY_FILES = 200;

async function takeTurn(
  deps: WorkerDeps,
  worker: WorkerIdentity,
  request: Exchange,
): Promise<{ results: ExchangeReply['results']; leases: Lease[] }> {
  const { items } = request;
  if (items.length === 0) return { results: [], leases: [] };
  const outputs = await storeOutputs(deps, items);
  const report: Report = { worker, items, outputs, maxTimesLost: deps.maxTimesLost };
  const claim = request.capacity ? claimRequest(deps, worker, request.capacity) : undefined;
  const isLarge = [...outputs.values()].some(
    ({ manifest }) => manifest.entries.length > MANY_FILES,
  );
  const turn = isLarge
    ? { reported: await takeReport(deps, report), leases: [] }
    : await deps.turns.take({ report, claim });
  announce(deps, items, turn.reported);
  return { results: turn.reported.results, leases: turn.leases };
}

function claimRequest(deps: WorkerDeps, worker: WorkerIdentity, capacity: Capacity): ClaimRequest {
  return {
    workerId: worker.id,
    serverId: worker.serverId,
    capacity,
    total: worker,
    offers: worker.offers,
    leaseMs: deps.leaseMs,
  };
}

function announce(deps: WorkerDeps, items: readonly ReportItem[], outcome: ReportOutcome): void {
  deps.signals.notify(
    ...outcome.batchIds.map((id): Topic => `batch:${id}`),
    ...items.map((item): Topic => `execution:${item.executionId}`),
    ...(outcome.isQueueChanged ? (['queue'] as const) : []),
  );
}

async function storeOutputs(
  deps: WorkerDeps,
  items: readonly ReportItem[],
): Promise<Map<number, StoredManifest>> {
  const stored = new Map<number, StoredManifest>();
  for (const [position, item] of items.entries()) {
    if (item.kind !== 'finished' || item.outputs === null) continue;
    stored.set(position, await storeManifest(deps.blobs, item.outputs));
  }
  return stored;
}

type Found = Omit<ExchangeReply, 'results'>;

/** Looks for commands and work again. */
async function look(deps: WorkerDeps, worker: WorkerIdentity, request: Exchange): Promise<Found> {
  const { capacity } = request;
  const leases = capacity ? await claim(deps.database, claimRequest(deps, worker, capacity)) : [];
  return hand(deps, worker, { request, leases });
}

/** Puts together what goes to the worker with these leases. */
async function hand(
  deps: WorkerDeps,
  worker: WorkerIdentity,
  { request, leases }: { request: Exchange; leases: readonly Lease[] },
): Promise<Found> {
  // A call that does not wait only brings and takes; commands come with the next poll or heartbeat.
  const commands =
    request.waitMs > 0 ? await listCommands(deps, worker.id) : { cancel: [], drain: false };
  const known = new Set(request.knownCancels);
  const cancel = commands.cancel.filter((lease) => !known.has(lease.executionId));
  if (leases.length === 0) return { leases: [], batches: [], cancel, drain: commands.drain };
  const { batches, sealed } = await loadLeasedBatches(deps, leases, new Set(request.knownBatches));
  await failSealed(deps, worker, { leases, sealed });
  deps.signals.notify(
    ...[...new Set(leases.map((lease) => lease.batchId))].map((id): Topic => `batch:${id}`),
  );
  return {
    leases: leases.filter((lease) => !sealed.has(lease.batchId)),
    batches,
    cancel,
    drain: commands.drain,
  };
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
    const nothing = {
      outputs: null,
      logs: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 },
      usage: { wallMs: null, cpuMs: null, maxMemoryBytes: null },
    };
    return [
      {
        executionId,
        epoch,
        kind: 'finished',
        outcome: 'failed',
        exitCode: null,
        reason,
        sandbox: '',
        ...nothing,
      },
    ];
  });
  if (items.length === 0) return;
  const outcome = await takeReport(deps, {
    worker,
    items,
    outputs: new Map(),
    maxTimesLost: deps.maxTimesLost,
  });
  announce(deps, items, outcome);
}
