import type { Situation } from './fleet.ts';
import type { Obstacle, Supply } from './meet-demand.ts';
import type { Choice } from './offers.ts';
import type { CreateAction, Outlook } from './plan.ts';
import type { DemandGroup, Server } from './snapshot.ts';
import type { GroupForecast } from './waits.ts';
import { countText, durationText, eurosText } from './wording.ts';

interface Answer {
  readonly code: Outlook['code'];
  readonly message: string;
}

interface Case {
  readonly index: number;
  readonly group: DemandGroup;
  readonly waits: GroupForecast;
  readonly supply: Supply;
  readonly booting: readonly Server[];
  readonly situation: Situation;
}

/** Why each group waits, and until when. */
export function explainOutlooks(
  supply: Supply,
  taking: readonly Server[],
  situation: Situation,
): Outlook[] {
  const booting = taking.filter(({ state }) => state === 'booting' || state === 'intended');
  return situation.snapshot.demand.flatMap((group, index): Outlook[] => {
    const waits = supply.forecast.groups[index];
    if (waits === undefined) return [];
    const answer = explain({ index, group, waits, supply, booting, situation });
    const { firstStartAtMs, lastStartAtMs } = waits;
    return [{ key: group.key, ...answer, firstStartAtMs, lastStartAtMs }];
  });
}

function explain(given: Case): Answer {
  const { group, supply, index } = given;
  const obstacle = supply.obstacles.get(index);
  if (obstacle && obstacle.kind !== 'too_late') {
    const { code, message } = explainObstacle(obstacle, given.situation);
    return { code, message: [message, ...bootingText(given)].join('; ') };
  }
  const ordered = supply.additions.filter(
    ({ source }) => source.kind === 'order' && source.group === index,
  );
  if (ordered.length > 0) {
    const boot = durationText(given.situation.snapshot.expectedBootMs);
    const order = `${countText(ordered.length, 'server')} ordered, up in about ${boot}`;
    return { code: 'servers_ordered', message: [order, ...choiceText(given)].join('; ') };
  }
  if (group.parallel !== null && group.active >= group.parallel) {
    const message = `${group.active} of them are running, which is the --parallel limit`;
    return { code: 'parallel_limit', message };
  }
  return explainCapacity(given);
}

/** Without anything in the way: what is here or coming, or too little waits for more. */
function explainCapacity(given: Case): Answer {
  const { group, supply, index, booting, situation } = given;
  const { nowMs, policy, snapshot } = situation;
  const first = supply.forecast.placements.find((placement) => placement.group === index);
  if (booting.some(({ id }) => id === first?.machineId))
    return { code: 'servers_booting', message: bootingText(given).join() };
  const last = given.waits.lastStartAtMs ?? nowMs;
  if (last > nowMs + 2 * snapshot.expectedBootMs && !supply.obstacles.has(index)) {
    const message = `${group.count} waiting for a slot; another server is made for ${policy.queueDepth}, or for a wait of more than ${durationText(policy.maxWaitMs)}`;
    return { code: 'below_threshold', message };
  }
  const message = `a slot is free for the last of them in about ${durationText(last - nowMs)}`;
  return { code: 'paid_capacity', message };
}

function explainObstacle(
  obstacle: Exclude<Obstacle, { kind: 'too_late' }>,
  { policy, snapshot, nowMs }: Situation,
): Answer {
  switch (obstacle.kind) {
    case 'max_workers': {
      const message = `${snapshot.servers.length} of at most ${policy.maxWorkers} servers exist (MAX_WORKERS)`;
      return { code: 'max_workers', message };
    }
    case 'budget': {
      const committed = eurosText(snapshot.budget.committedMicros);
      const limit = eurosText(policy.budgetMicrosPerMonth ?? 0);
      const message = `another server might cost ${eurosText(obstacle.neededMicros)}, and ${committed} of this month's ${limit} are committed`;
      return { code: 'budget', message };
    }
    case 'account_refused': {
      const again = `asked again in ${durationText(obstacle.untilMs - nowMs)}`;
      return { code: 'account_refused', message: `${obstacle.reason}; ${again}` };
    }
    case 'sold_out':
      return {
        code: 'sold_out',
        message: `${soldOutText(obstacle.passedOver)}; ${againText(obstacle, nowMs)}`,
      };
    case 'none_fits': {
      const message = `no server type in the order (${policy.serverTypes.join(', ')}) has what it asks for`;
      return { code: 'no_server_fits', message };
    }
  }
}

function againText(
  { passedOver }: { passedOver: readonly { untilMs: number | null }[] },
  nowMs: number,
): string {
  const known = passedOver.flatMap(({ untilMs }) => untilMs ?? []);
  return known.length > 0
    ? `asked for again in ${durationText(Math.min(...known) - nowMs)}`
    : 'waiting for the cloud to have some';
}

/** `cx23 sold out in nbg1, hel1`, the types joined by commas. */
function soldOutText(cells: readonly { serverType: string; location: string }[]): string {
  const types = Map.groupBy(cells, ({ serverType }) => serverType);
  return [...types]
    .map(([type, of]) => `${type} sold out in ${of.map(({ location }) => location).join(', ')}`)
    .join(', ');
}

function bootingText({ booting, situation }: Case): string[] {
  if (booting.length === 0) return [];
  const oldest = Math.min(...booting.map(({ intendedAtMs }) => intendedAtMs));
  const age = durationText(situation.nowMs - oldest);
  const about = durationText(situation.snapshot.expectedBootMs);
  return [`${countText(booting.length, 'server')} booting, oldest ${age} of about ${about}`];
}

function choiceText({ supply, index }: Case): string[] {
  const choice = supply.choices.get(index);
  return choice ? replacementText(choice) : [];
}

function replacementText(choice: Choice): string[] {
  if (choice.kind !== 'found' || choice.passedOver.length === 0) return [];
  const { serverType, location } = choice.server.offer;
  const isOtherType = choice.passedOver.every((cell) => cell.serverType !== serverType);
  const instead = isOtherType ? `${serverType} in ${location} instead` : `trying ${location}`;
  return [`${soldOutText(choice.passedOver)}, ${instead}`];
}

/** Why these servers are made. */
export function explainOrder(
  supply: Supply,
  order: { readonly code: CreateAction['code']; readonly group: number },
  { snapshot, policy }: Situation,
): string {
  const waiting = snapshot.demand.reduce((sum, group) => sum + group.count, 0);
  const why = {
    nothing_serves: `${waiting} waiting, and nothing that is here or coming could run them`,
    max_wait: `${waiting} waiting, some for longer than ${durationText(policy.maxWaitMs)} if no server comes`,
    queue_depth: `${waiting} waiting, more than will have started when a new server is up`,
  }[order.code];
  const choice = supply.choices.get(order.group);
  return [why, ...(choice ? replacementText(choice) : [])].join('; ');
}
