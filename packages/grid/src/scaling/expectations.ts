import type { FleetSnapshot, Server } from './snapshot.ts';

/**
 * Time that an attempt still needs. One that has outlived what was expected goes on, as a rule, in
 * proportion to what it has taken already: a guess of "any moment now" would hold a queue up for ever.
 */
export function expectRemainingMs(run: { expectedMs: number; elapsedMs: number }): number {
  return Math.round(Math.max(run.expectedMs - run.elapsedMs, run.elapsedMs / 2));
}

/** When a server's worker will take work, or has begun to. */
export function expectedReadyAtMs(
  server: Server,
  { expectedBootMs }: Pick<FleetSnapshot, 'expectedBootMs'>,
  nowMs: number,
): number {
  if (server.registeredAtMs !== null) return server.registeredAtMs;
  // Overdue ones are believed in for a while, until the boot deadline.
  return Math.max(server.intendedAtMs + expectedBootMs, nowMs + expectedBootMs / 4);
}
