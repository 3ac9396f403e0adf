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
  const { state, batch, metadata = {}, cursor, limit } = filter;
  const hasMetadata = Object.keys(metadata).length > 0;
  const rows = await database.query<ExecutionRow>(listSql({ isAfter: cursor !== undefined }), [
    ...[accountId, state ?? null, batch ?? null],
    ...[hasMetadata ? JSON.stringify(metadata) : null, limit + 1],
    ...(cursor === undefined ? [] : [cursor]),
  ]);
  if (rows.length === 0 && cursor !== undefined) await requireCursor(database, accountId, cursor);
  const page = rows.slice(0, filter.limit);
  const waiting = await explainAll(database, page);
  return {
    executions: page.map((row) => toExecution(row, waiting.get(row.id) ?? null)),
    nextCursor: rows.length > filter.limit ? (page.at(-1)?.id ?? null) : null,
  };
}

/** After an execution that is gone there is no page; an empty one would read like the end of the list. */
async function requireCursor(database: Database, accountId: string, cursor: string): Promise<void> {
  const rows = await database.query('select 1 from executions where account_id = $1 and id = $2', [
    accountId,
    cursor,
  ]);
  if (rows.length > 0) return;
  throw new AppError(
    'invalid_request',
    `cursor: there is no execution ${cursor}; list from the start`,
  );
}

const ORDER = 'order by e.created_at desc, e.batch_id, e.index, e.id';

// The page is found by its keys first: all else is joined to its rows only, not to all that are passed over.
function listSql({ isAfter }: { isAfter: boolean }): string {
  const after = `and e.created_at <= (select created_at from after)
         and (e.created_at < (select created_at from after)
           or (e.batch_id, e.index, e.id) > (select batch_id, index, id from after))`;
  return `
    with ${isAfter ? 'after as (select created_at, batch_id, index, id from executions where id = $6 and account_id = $1),' : ''}
    page as materialized (
      select e.id from executions e
      where e.account_id = $1
         and ($2::text is null or e.state = $2)
         and ($3::text is null or e.batch_id = $3)
         and ($4::jsonb is null or e.batch_id in (select id from batches where account_id = $1 and metadata @> $4))
         ${isAfter ? after : ''}
      ${ORDER} limit $5
    )
    select ${EXECUTION_COLUMNS} from ${EXECUTION_TABLES} where e.id in (select id from page) ${ORDER}`;
}
