import type { LeaseRef } from '@nexus/grid/contract';

import type { WorkerDeps } from './worker-deps.ts';

export interface Commands {
  cancel: LeaseRef[];
  drain: boolean;
}

/** What the control plane wants of a worker: stop these, take nothing new. */
export async function listCommands(deps: WorkerDeps, workerId: string): Promise<Commands> {
  const rows = await deps.database.query<{ drain: boolean; cancel: LeaseRef[] | null }>(
    `select w.state = 'draining' as drain, (
       select json_agg(json_build_object('executionId', e.id, 'epoch', e.epoch)) from executions e
       where e.worker_id = w.id and e.state in ('leased', 'running', 'publishing')
         and e.cancel_requested_at is not null
     ) as cancel
     from workers w where w.id = $1`,
    [workerId],
  );
  return { drain: rows[0]?.drain ?? true, cancel: rows[0]?.cancel ?? [] };
}
