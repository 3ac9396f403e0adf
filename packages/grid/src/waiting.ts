import { formatBytes } from '@nexus/kit/bytes';

import type { ExecutionState, Waiting } from './contract/index.ts';
import type { Outlook } from './scaling/index.ts';

export interface WaitingSnapshot {
  state: ExecutionState;
  batch: {
    parallel: number;
    active: number;
    cpus: number;
    memoryBytes: number;
    requires: readonly string[];
  };
  workers: readonly {
    isDraining: boolean;
    slots: number;
    busy: number;
    cpus: number;
    memoryBytes: number;
    /** `driver:docker`, … */
    offers: readonly string[];
  }[];
  /** Executions that would be leased before this one. */
  executionsAhead: number;
  /** Median run time of what finished lately; null: nothing to go by. */
  medianMs: number | null;
  /** What the scaling of servers says of its batch; null: there is none, or it has said nothing lately. */
  outlook: Outlook | null;
}

/** Why an execution has not started, or null if it has. Every waiting execution has a reason. */
export function explainWaiting(snapshot: WaitingSnapshot, now: Date): Waiting | null {
  const ofWorkers = explainByWorkers(snapshot, now);
  const { outlook } = snapshot;
  const needsCapacity = ofWorkers !== null && CAPACITY_CODES.has(ofWorkers.code);
  if (!needsCapacity || outlook === null || outlook.code === 'paid_capacity') return ofWorkers;
  if (outlook.code === 'parallel_limit') return ofWorkers;
  const startAtMs = snapshot.executionsAhead === 0 ? outlook.firstStartAtMs : outlook.lastStartAtMs;
  return {
    code: outlook.code,
    message: outlook.message,
    executionsAhead: snapshot.executionsAhead,
    until: startAtMs === null ? ofWorkers.until : new Date(startAtMs).toISOString(),
  };
}

/** Reasons that more servers would remove. */
const CAPACITY_CODES: ReadonlySet<Waiting['code']> = new Set([
  ...(['no_worker', 'workers_draining', 'no_worker_fits', 'behind_others'] as const),
]);

function explainByWorkers(snapshot: WaitingSnapshot, now: Date): Waiting | null {
  if (snapshot.state === 'uploading')
    return reason('uploading_files', 'its files are still being uploaded', snapshot);
  if (snapshot.state !== 'queued') return null;
  const workers = snapshot.workers.filter((worker) => !worker.isDraining);
  if (snapshot.workers.length === 0) return reason('no_worker', 'no worker is connected', snapshot);
  if (workers.length === 0)
    return reason('workers_draining', 'every worker is finishing up before it leaves', snapshot);
  const misfit = explainMisfit({ ...snapshot, workers });
  if (misfit !== undefined) return reason('no_worker_fits', misfit, snapshot);
  if (snapshot.batch.active >= snapshot.batch.parallel) {
    const message = `${snapshot.batch.active} of its batch are running, which is the --parallel limit`;
    const until = estimateStart(snapshot, snapshot.batch.parallel, now);
    return { ...reason('parallel_limit', message, snapshot), until };
  }
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0);
  const busy = workers.reduce((sum, worker) => sum + worker.busy, 0);
  if (snapshot.executionsAhead > 0 || busy >= slots) {
    const message = `${snapshot.executionsAhead} ahead of it; ${busy} of ${slots} slots are busy`;
    return {
      ...reason('behind_others', message, snapshot),
      until: estimateStart(snapshot, slots, now),
    };
  }
  return {
    ...reason('starting_soon', 'a worker is about to take it', snapshot),
    until: now.toISOString(),
  };
}

function reason(code: Waiting['code'], message: string, snapshot: WaitingSnapshot): Waiting {
  return { code, message, executionsAhead: snapshot.executionsAhead, until: null };
}

function explainMisfit({ batch, workers }: WaitingSnapshot): string | undefined {
  const able = workers.filter((worker) =>
    batch.requires.every((need) => worker.offers.includes(need)),
  );
  if (able.length === 0)
    return `no worker here offers ${batch.requires.join(' and ').replaceAll('driver:', '')}`;
  if (!able.some((worker) => worker.cpus >= batch.cpus)) {
    return `it asks for ${batch.cpus} CPUs; the largest worker has ${Math.max(...able.map((worker) => worker.cpus))}`;
  }
  if (
    !able.some((worker) => worker.cpus >= batch.cpus && worker.memoryBytes >= batch.memoryBytes)
  ) {
    const largest = Math.max(...able.map((worker) => worker.memoryBytes));
    return `it asks for ${formatBytes(batch.memoryBytes)} of memory; the largest worker has ${formatBytes(largest)}`;
  }
  return undefined;
}

function estimateStart(snapshot: WaitingSnapshot, slots: number, now: Date): string | null {
  if (snapshot.medianMs === null || slots === 0) return null;
  const rounds = Math.ceil((snapshot.executionsAhead + 1) / slots);
  return new Date(now.getTime() + rounds * snapshot.medianMs).toISOString();
}
