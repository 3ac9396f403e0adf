import type { LogEvent } from '@nexus/grid/contract';
import type { RetryPolicy } from '@nexus/kit/retry';

import type { GridApi } from '../api/grid-api.ts';
import { reconnecting } from '../api/reconnect.ts';

export interface LogStreamRequest {
  executionId: string;
  isFollowing: boolean;
  stream?: 'stdout' | 'stderr' | undefined;
  /** `epoch:sequence` of the last chunk seen. */
  after?: string | undefined;
  /** How long it goes on without an answer; as long as a run may take if absent. */
  policy?: RetryPolicy;
  signal: AbortSignal;
  say: (text: string) => Promise<void>;
}

/** The log of one execution without gap or repetition, over cut connections; ends with `end`. */
export async function* logStream(
  api: GridApi,
  request: LogStreamRequest,
): AsyncGenerator<LogEvent> {
  const { executionId, isFollowing, stream, signal, say } = request;
  let { after } = request;
  const events = reconnecting(
    (inner) => api.logEvents(executionId, { follow: isFollowing, stream, after }, inner),
    (event: LogEvent) => event.type === 'end',
    { policy: request.policy ?? api.followPolicy, signal, say },
  );
  for await (const event of events) {
    if (event.type === 'chunk') after = `${event.chunk.epoch}:${event.chunk.sequence}`;
    yield event;
  }
}
