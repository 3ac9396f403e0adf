import { worstCaseOfNewMicros } from './budget.ts';
import { findFault, serverMachine, takesWork, workerMachine, type Situation } from './fleet.ts';
import { keepBudget, standbyWithin } from './keep-budget.ts';
import { meetDemand, type Supply } from './meet-demand.ts';
import { collectNotices } from './notices.ts';
import { explainOutlooks, explainOrder } from './outlooks.ts';
import { drainBeforeHour, paidLeftMs, resumePaid } from './paid-hours.ts';
import type {
  CreateAction,
  DeleteAction,
  DrainAction,
  ResumeAction,
  ScalingAction,
  ScalingPlan,
} from './plan.ts';
import type { ScalingPolicy } from './policy.ts';
import type { Machine } from './run-queue.ts';
import type { FleetSnapshot, Server } from './snapshot.ts';
import { sweep } from './sweep.ts';

/**
 * Decides what is to be done about the servers, and explains why what waits waits. To be called after
 * every change and at every tick. It remembers nothing: called again on the same snapshot it says the same.
 */
export function makePlan(
  snapshot: FleetSnapshot,
  policy: ScalingPolicy,
  nowMs: number,
): ScalingPlan {
  const situation: Situation = { snapshot, policy, nowMs };
  const swept = sweep(situation);
  const living = withoutEnded(snapshot.servers, swept);
  const unfit = drainUnfit(living, situation);
  const budget = keepBudget(living, idsOf(unfit), situation);
  const well = living.filter((server) => findFault(server, situation) === null);
  const draining = well.filter((server) => server.state === 'draining');
  const { standby, leftMicros } = standbyWithin(draining, budget.leftMicros, situation);
  const paid = resumePaid(standby, situation);
  const stopped = idsOf([...unfit, ...budget.drains]);
  const taking = well.filter(
    (server) =>
      (takesWork(server, situation) && !stopped.has(server.id)) || idsOf(paid).has(server.id),
  );
  const machines = machinesOf(taking, situation);
  const supply = meetDemand(
    {
      machines,
      standby: standby.filter((server) => !idsOf(paid).has(server.id)),
      room: policy.maxWorkers - snapshot.servers.length,
      budgetLeftMicros: leftMicros,
    },
    situation,
  );
  const resumes = [...paid, ...resumesOf(supply)];
  // Not while more is asked for: what is on its way would make others look dispensable.
  const ending =
    supply.additions.length > 0 ? [] : drainBeforeHour(machines, supply.forecast, situation);
  const actions: ScalingAction[] = [
    ...swept,
    ...deleteEmpty(living, idsOf(resumes), situation),
    ...resumes,
    ...unfit,
    ...budget.drains,
    ...ending,
    ...ordersOf(supply, situation),
  ];
  return {
    actions,
    outlooks: explainOutlooks(supply, taking, situation),
    notices: collectNotices(budget.outlook, situation),
    budget: budget.outlook,
  };
}

/** What the sweep has not given up. An adopted or reposted intent is as good as a booting server. */
function withoutEnded(
  servers: readonly Server[],
  swept: readonly ScalingAction[],
): readonly Server[] {
  const ended = idsOf(swept.filter(({ kind }) => kind === 'forget' || kind === 'delete'));
  return servers.filter((server) => !ended.has(server.id));
}

function drainUnfit(living: readonly Server[], situation: Situation): DrainAction[] {
  return living.flatMap((server): DrainAction[] => {
    const fault = server.state === 'active' ? findFault(server, situation) : null;
    if (fault === null) return [];
    return [{ kind: 'drain', serverId: server.id, code: fault, reason: faultText(fault, server) }];
  });
}

function faultText(fault: 'silent' | 'bad_server', server: Server): string {
  return fault === 'silent'
    ? 'its worker has not been heard of for too long'
    : `${server.infraFailures} different executions failed on it through no fault of theirs`;
}

function machinesOf(taking: readonly Server[], situation: Situation): Machine[] {
  return [
    ...situation.snapshot.workers
      .filter((worker) => !worker.isDraining)
      .map((worker) => workerMachine(worker, situation)),
    ...taking.map((server) => serverMachine(server, situation)),
  ];
}

/** Drained and empty: at the end of the paid hour, which may yet be of use, or at once if it never can be. */
function deleteEmpty(
  living: readonly Server[],
  resumed: ReadonlySet<string>,
  situation: Situation,
): DeleteAction[] {
  return living.flatMap((server): DeleteAction[] => {
    if (server.state !== 'draining' || server.running.length > 0 || resumed.has(server.id))
      return [];
    const fault = findFault(server, situation);
    const leftMs = paidLeftMs(server, situation.nowMs);
    if (fault === null && leftMs > situation.policy.deleteWindowMs) return [];
    const { id, cloudId, name } = server;
    const reason = fault
      ? faultText(fault, server)
      : `it is empty, and its paid hour ends in ${Math.round(leftMs / 1000)} s`;
    return [{ kind: 'delete', serverId: id, cloudId, name, code: fault ?? 'hour_ends', reason }];
  });
}

function resumesOf({ additions }: Supply): ResumeAction[] {
  return additions.flatMap(({ source }): ResumeAction[] => {
    if (source.kind !== 'standby') return [];
    const reason = 'it is needed again before its paid hour ends';
    return [{ kind: 'resume', serverId: source.server.id, code: 'demand_returned', reason }];
  });
}

/** One action for each type, location and reason. */
function ordersOf(supply: Supply, situation: Situation): CreateAction[] {
  const orders = new Map<string, CreateAction>();
  for (const { source } of supply.additions) {
    if (source.kind !== 'order') continue;
    const { fresh, group, code } = source;
    const { serverType, location, priceMicrosPerHour, ipv4MicrosPerHour } = fresh.offer;
    const key = [serverType, location, code].join(' ');
    const before = orders.get(key);
    orders.set(key, {
      kind: 'create',
      code,
      reason: before?.reason ?? explainOrder(supply, { code, group }, situation),
      serverType,
      location,
      count: (before?.count ?? 0) + 1,
      slots: fresh.slots,
      priceMicrosPerHour,
      ipv4MicrosPerHour,
      reserveMicros: worstCaseOfNewMicros(fresh.offer, situation),
    });
  }
  return [...orders.values()];
}

function idsOf(actions: readonly ScalingAction[]): Set<string> {
  return new Set(
    actions.flatMap((action) =>
      'serverId' in action && action.serverId !== null ? [action.serverId] : [],
    ),
  );
}
