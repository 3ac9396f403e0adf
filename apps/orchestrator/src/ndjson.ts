import { once } from 'node:events';
import type { FastifyReply } from 'fastify';

/**
 * Answers with one JSON value a line for as long as `events` goes on. A slow reader slows the
 * generator down; one that leaves ends it.
 */
export async function streamNdjson(
  reply: FastifyReply,
  events: AsyncIterable<unknown>,
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.flushHeaders();
  const closed = new AbortController();
  raw.once('close', () => closed.abort());
  try {
    for await (const event of events) {
      if (raw.destroyed) return;
      if (!raw.write(`${JSON.stringify(event)}\n`))
        await once(raw, 'drain', { signal: closed.signal }).catch(() => undefined);
    }
    raw.end();
  } catch (error) {
    // Cut off without an `end` line: the reader knows that it is not complete, and comes back.
    reply.log.error({ err: error }, 'event stream failed');
    raw.destroy();
  }
}
