import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';

import { isTerminal } from '@nexus/grid';
import type { Execution, LogEvent, logsQuerySchema } from '@nexus/grid/contract';

import { getExecution } from '../executions/execution-reader.ts';
import { readLogs, type LogCursor, type LogDeps } from './log-store.ts';

export interface FollowLogs {
  accountId: string;
  executionId: string;
  query: z.output<typeof logsQuerySchema>;
  signal: AbortSignal;
}

const HEARTBEAT_MS = 10_000;
/** Bursts of small writes travel together; far below the second in which people expect a line. */
const GATHER_MS = 20;

/** The log from a cursor on, and, if asked to follow, as it grows, to the end of the execution. */
export async function* followLogs(
  deps: LogDeps,
  { accountId, executionId, query, signal }: FollowLogs,
): AsyncGenerator<LogEvent> {
  let cursor = parseCursor(query.after);
  while (!signal.aborted) {
    // Waiting begins before looking, so that what happens in between is not slept through.
    const controller = new AbortController();
    const change = deps.signals.wait(
      topics(executionId),
      HEARTBEAT_MS,
      AbortSignal.any([signal, controller.signal]),
    );
    try {
      const execution = await getExecution(deps.database, accountId, executionId);
      if (execution.epoch > cursor.epoch) {
        cursor = { epoch: execution.epoch, sequence: -1 };
        yield { type: 'attempt', epoch: execution.epoch };
      }
      const chunks = await readLogs(deps, {
        executionId: execution.reusedFrom ?? executionId,
        cursor,
        stream: query.stream,
      });
      for (const chunk of chunks) {
        cursor = { epoch: chunk.epoch, sequence: chunk.sequence };
        yield { type: 'chunk', chunk: { ...chunk, executionId } };
      }
      if (chunks.length > 0) continue;
      // The state was read before the chunks, and a state never becomes terminal before its last chunk is here.
      if (isOver(execution, query.follow)) {
        yield { type: 'end', execution };
        return;
      }
      const startedAt = Date.now();
      await change;
      if (Date.now() - startedAt >= HEARTBEAT_MS) yield { type: 'heartbeat' };
      await sleep(GATHER_MS, undefined, { signal }).catch(() => undefined);
    } finally {
      controller.abort();
    }
  }
}

function topics(executionId: string) {
  return [`execution:${executionId}`, `batch:${executionId.split('-', 1)[0] ?? ''}`] as const;
}

function isOver(execution: Execution, isFollowing: boolean): boolean {
  return !isFollowing || isTerminal(execution.state);
}

function parseCursor(after: string | undefined): LogCursor {
  const [epoch = '0', sequence = '-1'] = after?.split(':') ?? [];
  return { epoch: Number(epoch), sequence: Number(sequence) };
}
