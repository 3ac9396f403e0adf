import type { FastifyReply } from 'fastify';

/** Aborts when the connection closes before the answer is complete: the caller has gone, or we stop. */
export function closeSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}
