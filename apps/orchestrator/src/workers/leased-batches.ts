import type { BatchSpec, Lease, LeasedBatch } from '@nexus/grid/contract';
import { errorMessage } from '@nexus/kit/errors';

import type { WorkerDeps } from './worker-deps.ts';

interface Row {
  id: string;
  accountId: string;
  spec: BatchSpec;
  projectSha256: string;
  masked: string[];
  envSealed: string | null;
}

export interface LoadedBatches {
  batches: LeasedBatch[];
  /** Batches whose `--env` values do not open any more, with the reason. */
  sealed: Map<string, string>;
}

/** What the leased executions share, for the batches the worker does not know yet. */
export async function loadLeasedBatches(
  deps: WorkerDeps,
  leases: readonly Lease[],
  known: ReadonlySet<string>,
): Promise<LoadedBatches> {
  const loaded: LoadedBatches = { batches: [], sealed: new Map() };
  const ids = [...new Set(leases.map((lease) => lease.batchId))].filter((id) => !known.has(id));
  if (ids.length === 0) return loaded;
  const rows = await deps.database.query<Row>(
    `select id, account_id as "accountId", spec, project_sha256 as "projectSha256", masked, env_sealed as "envSealed"
     from batches where id = any($1)`,
    [ids],
  );
  for (const { envSealed, ...batch } of rows) {
    try {
      loaded.batches.push({ ...batch, env: unsealEnv(deps, batch, envSealed) });
    } catch (error) {
      loaded.sealed.set(batch.id, errorMessage(error));
    }
  }
  return loaded;
}

function unsealEnv(deps: WorkerDeps, batch: Pick<Row, 'id' | 'accountId'>, sealed: string | null) {
  if (sealed === null) return {};
  // True by `insertBatch`, the only writer: what was sealed is a record of strings.
  return JSON.parse(deps.vault.unseal(sealed, ['batch env', batch.accountId, batch.id])) as Record<
    string,
    string
  >;
}
