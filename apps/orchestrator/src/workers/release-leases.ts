import type { LeaseRef } from '@nexus/grid/contract';

import { report } from '../queue/report.ts';
import type { WorkerDeps } from './worker-deps.ts';
import type { WorkerIdentity } from './worker-registry.ts';

/** Queues leases again that never reached their worker; they count as no attempt. */
export async function releaseLeases(
  deps: WorkerDeps,
  worker: WorkerIdentity,
  leases: readonly LeaseRef[],
): Promise<void> {
  const items = leases.map(({ executionId, epoch }) => ({
    executionId,
    epoch,
    kind: 'released' as const,
  }));
  const { batchIds } = await report(deps, {
    worker,
    items,
    outputs: new Map(),
    maxTimesLost: deps.maxTimesLost,
  });
  if (batchIds.length > 0)
    deps.signals.notify('queue', ...batchIds.map((id) => `batch:${id}` as const));
}
