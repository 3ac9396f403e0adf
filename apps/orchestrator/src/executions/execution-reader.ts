import type { Database } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';
import type { Execution, ExecutionList, ExecutionState } from '@nexus/grid/contract';

import {
  EXECUTION_COLUMNS,
  EXECUTION_TABLES,
  toExecution,
  type ExecutionRow,
} from './execution-rows.ts';
import { explainAll } from './waiting-reader.ts';

/** Throws AppError not_found, also for what belongs to another account. */
export async function getExecution(
  database: Database,
  accountId: string,
  id: string,
): Promise<Execution> {
  const rows = await database.query<ExecutionRow>(
    `select ${EXECUTION_COLUMNS} from ${EXECUTION_TABLES} where e.id = $1 and e.account_id = $2`,
    [id, accountId],
  );
  const row = rows[0];
  if (!row) throw new AppError('not_found', `there is no execution ${id}`);
  const waiting = await explainAll(database, [row]);
  return toExecution(row, waiting.get(id) ?? null);
}

export interface ExecutionFilter {
  state?: ExecutionState | undefined;
  batch?: string | undefined;
  metadata?: Record<string, string>;
  limit: number;
  cursor?: string | undefined;
}

/** Newest batches first, in a batch by index. The cursor is the last id seen. */
export async function listExecutions(
  database: Database,
  accountId: string,
  filter: ExecutionFilter,
): Promise<ExecutionList> {
  const rows = await database.query<ExecutionRow>(
    `with after as (select created_at, batch_id, index, id from executions where id = $5 and account_id = $1)
     select ${EXECUTION_COLUMNS} from ${EXECUTION_TABLES}
     where e.account_id = $1
       and ($2::text is null or e.state = $2)
       and ($3::text is null or e.batch_id = $3)
       and ($4::jsonb is null or b.metadata @> $4)
       and ($5::text is null or exists (
         select 1 from after where e.created_at < after.created_at
           or (e.created_at = after.created_at and (e.batch_id, e.index, e.id) > (after.batch_id, after.index, after.id))))
     order by e.created_at desc, e.batch_id, e.index, e.id
     limit $6`,
    [
      ...[accountId, filter.state ?? null, filter.batch ?? null],
      ...[
        filter.metadata ? JSON.stringify(filter.metadata) : null,
        filter.cursor ?? null,
        filter.limit + 1,
      ],
    ],
  );
  const page = rows.slice(0, filter.limit);
  const waiting = await explainAll(database, page);
  return {
    executions: page.map((row) => toExecution(row, waiting.get(row.id) ?? null)),
    nextCursor: rows.length > filter.limit ? (page.at(-1)?.id ?? null) : null,
  };
}
