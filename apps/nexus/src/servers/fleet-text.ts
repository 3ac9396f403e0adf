import { budgetLevel } from '@nexus/grid';
import { renderTable } from '@nexus/rgrid/table';
import { formatDuration, formatEuros } from '@nexus/rgrid/text';

import type { BootStep } from './boot-timeline.ts';
import type { Fleet, FleetServer, LastPlan } from './read-fleet.ts';

/** Longer ago than any daemon at work leaves between two plans. */
const SILENT_MS = 60_000;

/** For a terminal: the servers, how they came up, and what the daemon said last. */
export function fleetText({ servers, plan }: Fleet, now: Date): string {
  const parts = servers.length === 0 ? ['no server\n'] : [serverTable(servers), bootTable(servers)];
  return [...parts, planText(plan, now)].join('\n');
}

function serverTable(servers: readonly FleetServer[]): string {
  return renderTable<FleetServer>(
    [
      { title: 'SERVER', value: (server) => server.name },
      { title: 'TYPE', value: (server) => server.serverType },
      { title: 'LOCATION', value: (server) => server.location },
      { title: 'STATE', value: (server) => server.state },
      { title: 'AGE', value: (server) => formatDuration(server.ageSeconds * 1000), isRight: true },
      { title: 'PAID UNTIL', value: (server) => clockTime(server.paidUntil) },
      { title: 'BUSY', value: (server) => `${server.busy}/${server.slots}`, isRight: true },
      { title: 'COST', value: (server) => formatEuros(server.costMicros), isRight: true },
      { title: 'WHY', value: (server) => server.reason },
    ],
    servers,
  );
}

function clockTime(time: Date | null): string {
  return time === null ? '' : `${time.toISOString().slice(11, 16)} UTC`;
}

/** Seconds a step, from the execution that waited to the first that ran. */
function bootTable(servers: readonly FleetServer[]): string {
  const column = (title: string, step: BootStep['step']) => ({
    title,
    isRight: true,
    value: (server: FleetServer) =>
      secondsText(server.timeline.find((known) => known.step === step)?.seconds ?? null),
  });
  return renderTable<FleetServer>(
    [
      { title: 'SECONDS TO', value: (server) => server.name },
      column('ORDER', 'intended'),
      column('CREATE', 'created'),
      column('RUN', 'running'),
      column('REGISTER', 'registered'),
      column('FIRST START', 'first_execution'),
      { title: 'ALL', isRight: true, value: (server) => secondsText(server.bootSeconds) },
    ],
    servers,
  );
}

function secondsText(seconds: number | null): string {
  return seconds === null ? '-' : seconds.toFixed(1);
}

function planText(plan: LastPlan | null, now: Date): string {
  if (plan === null) return 'No daemon has planned here yet.\n';
  const agoMs = Math.max(0, now.getTime() - plan.plannedAt.getTime());
  const silent = agoMs > SILENT_MS ? ': no daemon seems to run' : '';
  const lines = [
    `Last plan ${formatDuration(agoMs)} ago${silent}`,
    ...plan.outlooks.map(({ key, message }) => `  ${key}: ${message}`),
    ...plan.notices.map(({ message }) => `  notice: ${message}`),
    `  ${budgetText(plan)}`,
  ];
  return `${lines.join('\n')}\n`;
}

function budgetText({ budget }: LastPlan): string {
  const { limitMicros, committedMicros, reservedMicros } = budget;
  const level = budgetLevel(budget);
  const limit = limitMicros === null ? 'no limit' : `of ${formatEuros(limitMicros)}`;
  const mark = level === 'ok' ? '' : ` (${level})`;
  return `this month: ${formatEuros(committedMicros)} committed, ${formatEuros(reservedMicros)} reserved, ${limit}${mark}`;
}
