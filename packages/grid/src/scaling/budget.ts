import type { Situation } from './fleet.ts';
import { hourlyMicros, startedHours, type Rent } from './hours.ts';
import type { Server } from './snapshot.ts';

/** The `--timeout` of executions that say none: what a worker may have taken on a moment ago. */
const DEFAULT_TIMEOUT_MS = 3_600_000;

/** Longest that anything a server may take on before the next plan can run. */
function longestRunMs({ snapshot }: Situation): number {
  return Math.max(DEFAULT_TIMEOUT_MS, ...snapshot.demand.map((group) => group.timeoutMs));
}

/** What a server that is ordered now may cost until it could be drained and empty. */
export function worstCaseOfNewMicros(rent: Rent, situation: Situation): number {
  const { bootDeadlineMs, tickMs } = situation.policy;
  const lifeMs = bootDeadlineMs + tickMs + longestRunMs(situation);
  return startedHours(lifeMs) * hourlyMicros(rent);
}

/**
 * What a server may cost at worst beyond the hours it has started. A server is never stopped under an
 * execution, so a budget that holds must have room for all that may still run to its time limit.
 */
export function reservedMicros(
  server: Server,
  situation: Situation,
  state: Server['state'] = server.state,
): number {
  const { nowMs } = situation;
  const bornAtMs = server.createdAtMs ?? server.intendedAtMs;
  const endAtMs = latestEndMs({ ...server, state }, situation);
  const hours = startedHours(endAtMs - bornAtMs) - startedHours(nowMs - bornAtMs);
  return Math.max(0, hours) * hourlyMicros(server);
}

function latestEndMs(server: Server, situation: Situation): number {
  const { policy, nowMs } = situation;
  const nextPlanMs = nowMs + policy.tickMs;
  const emptyMs = Math.max(
    nextPlanMs,
    ...server.running.map(({ maxRemainingMs }) => nowMs + maxRemainingMs),
  );
  switch (server.state) {
    case 'intended':
    case 'booting':
    case 'active':
      return Math.max(emptyMs, nextPlanMs + longestRunMs(situation));
    case 'draining':
    case 'deleting':
      return emptyMs;
  }
}
