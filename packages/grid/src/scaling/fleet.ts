import { expectedReadyAtMs } from './expectations.ts';
import type { FreshServer } from './offers.ts';
import type { ScalingPolicy } from './policy.ts';
import type { Machine } from './run-queue.ts';
import type { FixedWorker, FleetSnapshot, RunningAttempt, Server } from './snapshot.ts';

/** What every part of a plan is decided from. */
export interface Situation {
  readonly snapshot: FleetSnapshot;
  readonly policy: ScalingPolicy;
  readonly nowMs: number;
}

/** Why a server gets no more work, ever; null: it is well. */
export type Fault = 'silent' | 'bad_server';

export function findFault(server: Server, { snapshot, policy, nowMs }: Situation): Fault | null {
  if (server.infraFailures >= policy.infraFailureLimit) return 'bad_server';
  if (server.registeredAtMs === null) return null;
  const heardAtMs = Math.max(
    server.lastHeartbeatAtMs ?? server.registeredAtMs,
    snapshot.listeningSinceMs,
  );
  return nowMs - heardAtMs > policy.silentMs ? 'silent' : null;
}

export function hasMissedBoot(server: Server, { policy, nowMs }: Situation): boolean {
  const bornAtMs = server.createdAtMs ?? server.intendedAtMs;
  return server.state === 'booting' && nowMs - bornAtMs > policy.bootDeadlineMs;
}

/** Here or coming, and taking work. */
export function takesWork(server: Server, situation: Situation): boolean {
  if (server.state === 'active') return findFault(server, situation) === null;
  if (server.state === 'booting') return !hasMissedBoot(server, situation);
  return server.state === 'intended';
}

export function serverMachine(server: Server, situation: Situation): Machine {
  const { snapshot, nowMs } = situation;
  return {
    ...server,
    availableAtMs: expectedReadyAtMs(server, snapshot, nowMs),
    running: endsOf(server.running, situation),
  };
}

export function workerMachine(worker: FixedWorker, situation: Situation): Machine {
  const running = endsOf(worker.running, situation);
  return { ...worker, availableAtMs: situation.nowMs, running };
}

/** A server that would be ordered now. */
export function orderedMachine(id: string, fresh: FreshServer, situation: Situation): Machine {
  const availableAtMs = situation.nowMs + situation.snapshot.expectedBootMs;
  return { id, ...fresh, availableAtMs, running: [] };
}

function endsOf(running: readonly RunningAttempt[], { snapshot, nowMs }: Situation) {
  return running.map(({ cpus, memoryBytes, remainingMs }) => ({
    cpus,
    memoryBytes,
    endAtMs: nowMs + (remainingMs ?? snapshot.typicalRunMs),
  }));
}
