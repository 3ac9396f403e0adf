import type { Database, Queryable } from '@nexus/db';
import type { LogChunk, LogItem } from '@nexus/grid/contract';
import type { BlobStore } from '@nexus/storage';

import type { Signals } from '../signals/signals.ts';

export interface LogDeps {
  database: Database;
  blobs: BlobStore;
  signals: Signals;
}

/** Takes chunks from the worker that holds the executions; repeated and stale ones fall away. */
export async function storeLogs(
  deps: LogDeps,
  workerId: string,
  items: readonly LogItem[],
): Promise<void> {
  if (items.length === 0) return;
  const data = items.map((item) =>
    item.data === undefined ? null : Buffer.from(item.data, 'base64'),
  );
  await deps.database.query(
    `insert into log_chunks (execution_id, epoch, sequence, stream, size_bytes, data, blob_sha256)
     select n.id, n.epoch, n.sequence, n.stream, n.size_bytes, n.data, n.blob
     from unnest($2::text[], $3::int[], $4::int[], $5::text[], $6::int[], $7::bytea[], $8::text[])
       as n (id, epoch, sequence, stream, size_bytes, data, blob)
     join executions e on e.id = n.id and e.epoch = n.epoch and e.worker_id = $1
       and e.state in ('leased', 'running', 'publishing')
     -- A chunk that points to nothing, or to another account's bytes, would break the log for its reader.
     where n.blob is null or exists (select 1 from blobs b where b.account_id = e.account_id and b.sha256 = n.blob)
     on conflict do nothing`,
    [
      workerId,
      items.map((item) => item.executionId),
      items.map((item) => item.epoch),
      items.map((item) => item.sequence),
      items.map((item) => item.stream),
      items.map((item, position) => item.blob?.sizeBytes ?? data[position]?.length ?? 0),
      data,
      items.map((item) => item.blob?.sha256 ?? null),
    ],
  );
  deps.signals.notify(
    ...[...new Set(items.map((item) => item.executionId))].map((id) => `execution:${id}` as const),
  );
}

export interface LogCursor {
  epoch: number;
  /** Of the last chunk seen; -1 for none. */
  sequence: number;
}

interface ChunkRow {
  executionId: string;
  epoch: number;
  sequence: number;
  stream: 'stdout' | 'stderr';
  data: Buffer | null;
  blob: string | null;
}

const CHUNKS_PER_READ = 16;

/** Chunks of one attempt after the cursor, a bounded number at a time, large ones fetched from storage. */
export async function readLogs(
  deps: Pick<LogDeps, 'database' | 'blobs'>,
  wanted: { executionId: string; cursor: LogCursor; stream?: 'stdout' | 'stderr' | undefined },
): Promise<LogChunk[]> {
  const rows = await deps.database.query<ChunkRow>(
    `select execution_id as "executionId", epoch, sequence, stream, data, blob_sha256 as blob from log_chunks
     where execution_id = $1 and epoch = $2 and sequence > $3 and ($4::text is null or stream = $4)
     order by sequence limit $5`,
    [
      wanted.executionId,
      wanted.cursor.epoch,
      wanted.cursor.sequence,
      wanted.stream ?? null,
      CHUNKS_PER_READ,
    ],
  );
  const chunks: LogChunk[] = [];
  for (const { data, blob, ...row } of rows) {
    const bytes = data ?? (blob === null ? Buffer.alloc(0) : await deps.blobs.read(blob));
    chunks.push({ ...row, data: bytes.toString('base64') });
  }
  return chunks;
}

/** All chunks of finished executions that are small enough to travel along with the news that they finished. */
export async function readSmallLogs(
  db: Queryable,
  executions: readonly { id: string; epoch: number }[],
): Promise<Map<string, LogChunk[]>> {
  const rows = await db.query<ChunkRow>(
    `select l.execution_id as "executionId", l.epoch, l.sequence, l.stream, l.data
     from (select distinct id, epoch from unnest($1::text[], $2::int[]) as e (id, epoch)) e
     join log_chunks l on l.execution_id = e.id and l.epoch = e.epoch
     where l.data is not null order by l.execution_id, l.sequence`,
    [executions.map((execution) => execution.id), executions.map((execution) => execution.epoch)],
  );
  const chunks = new Map<string, LogChunk[]>();
  for (const { data, executionId, epoch, sequence, stream } of rows) {
    const own = chunks.get(executionId) ?? [];
    own.push({
      executionId,
      epoch,
      sequence,
      stream,
      data: (data ?? Buffer.alloc(0)).toString('base64'),
    });
    chunks.set(executionId, own);
  }
  return chunks;
}
