import type { ReportedExecution } from '@nexus/grid';

/** What a change of state has to know of an execution that is, or was, on a worker. */
export interface LeasedRow extends ReportedExecution {
  id: string;
  batchId: string;
  accountId: string;
  retries: number;
  hasParallelLimit: boolean;
  leasedAt: Date;
  startedAt: Date | null;
}
