import type { HeartbeatReply, LeaseRef } from '@nexus/grid/contract';

import { listCommands } from './commands.ts';
import { releaseLeases } from './release-leases.ts';
import type { WorkerDeps } from './worker-deps.ts';
import type { WorkerIdentity } from './worker-registry.ts';

/** Extends all of a worker's leases in one statement and says which of them are no longer its own. */
export async function heartbeat(
  deps: WorkerDeps,
  worker: WorkerIdentity,
  leases: readonly LeaseRef[],
): Promise<HeartbeatReply> {
  const kept = await deps.database.query<LeaseRef>(
    // Locked in the order of the ids, as everywhere: a report on the same executions may be under way.
    `with seen as (update workers set heartbeat_at = now() where id = $1 returning id),
     held as (
       select e.id from executions e join unnest($3::text[], $4::int[]) as l (id, epoch) on e.id = l.id and e.epoch = l.epoch
       where e.worker_id = $1 and e.state in ('leased', 'running', 'publishing')
       order by e.id for no key update of e
     )
     update executions e set lease_until = now() + $2 * interval '1 millisecond'
     from seen, held where e.id = held.id
     returning e.id as "executionId", e.epoch`,
    [
      worker.id,
      deps.leaseMs,
      leases.map((lease) => lease.executionId),
      leases.map((lease) => lease.epoch),
    ],
  );
  // The epoch is part of the name: a worker may hold anew what it still winds down under the lease before.
  const keptNames = new Set(kept.map(nameOf));
  await releaseUnheard(deps, worker, leases);
  const commands = await listCommands(deps, worker.id);
  return { lost: leases.filter((lease) => !keptNames.has(nameOf(lease))), ...commands };
}

/** Longer than any answer is on its way. */
const UNHEARD_SECONDS = 10;

/**
 * Leases the worker does not name although it should know of them by now: the answer that gave them
 * never arrived. Nothing was started, so they are queued again and count as no attempt.
 */
async function releaseUnheard(
  deps: WorkerDeps,
  worker: WorkerIdentity,
  leases: readonly LeaseRef[],
): Promise<void> {
  const unheard = await deps.database.query<LeaseRef>(
    `select id as "executionId", epoch from executions
     where worker_id = $1 and state = 'leased' and leased_at < now() - $2 * interval '1 second' and id <> all($3)`,
    [worker.id, UNHEARD_SECONDS, leases.map((lease) => lease.executionId)],
  );
  if (unheard.length > 0) await releaseLeases(deps, worker, unheard);
}

function nameOf(lease: LeaseRef): string {
  return `${lease.executionId} ${lease.epoch}`;
}
