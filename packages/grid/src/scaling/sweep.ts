import { hasMissedBoot, type Situation } from './fleet.ts';
import { hourlyMicros } from './hours.ts';
import type { ScalingAction } from './plan.ts';
import { backoffMs } from './refusals.ts';
import type { CloudServer, Server } from './snapshot.ts';

const DELETE_STEPS = { firstMs: 5000, mostMs: 60_000 };

/** Brings books and cloud together, both ways. At most one action a server. */
export function sweep(situation: Situation): ScalingAction[] {
  const { snapshot } = situation;
  const names = new Set(snapshot.servers.map((server) => server.name));
  const ids = new Set(snapshot.servers.map((server) => server.cloudId));
  const orphans = (snapshot.cloud ?? []).filter(
    (found) => !names.has(found.name) && !ids.has(found.cloudId),
  );
  return [
    ...snapshot.servers.flatMap((server) => reconcile(server, situation) ?? []),
    ...orphans.flatMap((orphan) => deleteOrphan(orphan, situation) ?? []),
  ];
}

function reconcile(server: Server, situation: Situation): ScalingAction | undefined {
  if (server.cloudId === null) {
    const adoption = adopt(server, situation);
    if (adoption) return adoption;
  }
  switch (server.state) {
    case 'intended':
      return settleIntent(server, situation);
    case 'booting':
      return forgetVanished(server, situation) ?? deleteUnbooted(server, situation);
    case 'active':
    case 'draining':
      return forgetVanished(server, situation);
    case 'deleting':
      return forgetVanished(server, situation) ?? deleteAgain(server, situation);
  }
}

/** Whatever its state: a worker may register before what made its server is known, and hours are counted from then. */
function adopt(server: Server, { snapshot }: Situation): ScalingAction | undefined {
  const found = snapshot.cloud?.find(({ name }) => name === server.name);
  if (!found) return undefined;
  const { cloudId, createdAtMs } = found;
  const reason = `the cloud has ${server.name}, though its reply to the create call was lost`;
  return {
    ...{ kind: 'adopt', serverId: server.id, cloudId, createdAtMs },
    ...{ code: 'reply_lost', reason },
  };
}

/** An intent without an answer: the call was lost, or its reply, or we were killed between the two. */
function settleIntent(
  server: Server,
  { snapshot, policy, nowMs }: Situation,
): ScalingAction | undefined {
  const base = { serverId: server.id };
  const ageMs = nowMs - server.intendedAtMs;
  if (snapshot.cloud === null || ageMs < policy.intentRetryMs) return undefined;
  if (ageMs > policy.bootDeadlineMs) {
    const reason = 'the cloud never took the order';
    return { kind: 'forget', ...base, code: 'intent_expired', reason };
  }
  const reason = `no answer to its create call after ${Math.round(ageMs / 1000)} s`;
  return { kind: 'retry', ...base, code: 'intent_unanswered', reason };
}

function forgetVanished(
  server: Server,
  { snapshot, policy, nowMs }: Situation,
): ScalingAction | undefined {
  const isListed = snapshot.cloud?.some(
    ({ cloudId, name }) => cloudId === server.cloudId || name === server.name,
  );
  // The list may lag behind: what is young may not be in it yet.
  const bornAtMs = server.createdAtMs ?? server.intendedAtMs;
  if (snapshot.cloud === null || isListed || nowMs - bornAtMs < policy.youngGraceMs)
    return undefined;
  const isDeleting = server.state === 'deleting';
  return {
    kind: 'forget',
    serverId: server.id,
    code: isDeleting ? 'deleted' : 'vanished',
    reason: isDeleting ? 'the cloud has deleted it' : 'the cloud does not have it any more',
  };
}

function deleteUnbooted(server: Server, situation: Situation): ScalingAction | undefined {
  if (!hasMissedBoot(server, situation) || server.running.length > 0) return undefined;
  const limit = Math.round(situation.policy.bootDeadlineMs / 1000);
  return {
    kind: 'delete',
    serverId: server.id,
    cloudId: server.cloudId,
    name: server.name,
    code: 'boot_deadline',
    reason: `its worker has not registered within ${limit} s`,
  };
}

function deleteAgain(server: Server, { nowMs }: Situation): ScalingAction | undefined {
  const pauseMs = backoffMs(server.deleteTries, DELETE_STEPS);
  if (server.deleteTriedAtMs !== null && nowMs - server.deleteTriedAtMs < pauseMs) return undefined;
  return {
    kind: 'delete',
    serverId: server.id,
    cloudId: server.cloudId,
    name: server.name,
    code: 'repeat',
    reason: `the cloud has not confirmed that it is gone (${server.deleteTries} tries)`,
  };
}

function deleteOrphan(
  orphan: CloudServer,
  { policy, nowMs }: Situation,
): ScalingAction | undefined {
  const ageMs = nowMs - orphan.createdAtMs;
  if (ageMs < policy.youngGraceMs) return undefined;
  const { cloudId, name } = orphan;
  const reason = `the cloud has ${name} under our label, the books do not`;
  return { kind: 'delete', serverId: null, cloudId, name, code: 'orphan', reason };
}

/** Deletes that do not get through bill on: the operator should hear of it. */
export function findStuckDeletes({ snapshot }: Situation) {
  return snapshot.servers
    .filter((server) => server.state === 'deleting' && server.deleteTries >= 5)
    .map((server) => ({
      code: 'delete_stuck' as const,
      message: `${server.name} could not be deleted in ${server.deleteTries} tries and bills ${hourlyMicros(server)} micro-euros an hour`,
    }));
}
