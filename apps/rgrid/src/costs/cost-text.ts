import type { Budget, Cost, ExecutionCostList, ServerCosts } from '@nexus/grid/contract';

import { renderFields, renderTable, type Column } from '../terminal/table.ts';
import { formatDuration, formatEuros, plural } from '../terminal/text.ts';

export type ExecutionCost = ExecutionCostList['executions'][number];

interface Spent {
  slotSeconds: number;
  costMicros: number;
}

const TIME: Column<Spent> = {
  title: 'TIME',
  value: (row) => formatDuration(row.slotSeconds * 1000),
  isRight: true,
};
const COST: Column<Spent> = {
  title: 'COST',
  value: (row) => formatEuros(row.costMicros),
  isRight: true,
};

/** What an account has spent, then the bill of all servers, then the month. */
export function costText(answer: Cost): string {
  const parts = [spentText(answer)];
  if (answer.servers.servers > 0) parts.push(serversText(answer.servers));
  if (answer.budget) parts.push(budgetText(answer.budget));
  return parts.join('\n');
}

function spentText(answer: Cost): string {
  const head = `${formatEuros(answer.totalMicros)} for ${plural(answer.executions, 'execution')}, ${formatDuration(answer.slotSeconds * 1000)} of computing\nfrom ${answer.since.slice(0, 16)} to ${answer.until.slice(0, 16)} UTC\n`;
  if (answer.executions === 0) return head;
  const provisional =
    answer.provisionalMicros === 0
      ? ''
      : `${formatEuros(answer.provisionalMicros)} of it is provisional: it becomes exact when the servers are gone\n`;
  const shared: Column<Spent & { executions: number }>[] = [
    { title: 'RUNS', value: (row) => String(row.executions), isRight: true },
    TIME,
    COST,
  ];
  const days = renderTable<Cost['days'][number]>(
    [{ title: 'DAY', value: (row) => row.day }, ...shared],
    answer.days,
  );
  const batches = renderTable<Cost['batches'][number]>(
    [
      { title: 'BATCH', value: (row) => row.batchId },
      { title: 'SCRIPT', value: (row) => row.script },
      ...shared,
    ],
    answer.batches,
  );
  return `${head}${provisional}\n${days}\n${batches}`;
}

/** All digits: these lines are there to be added up. */
function exactEuros(micros: number): string {
  return `€${(micros / 1e6).toFixed(6)}`;
}

function serversText({ running, ...all }: ServerCosts): string {
  const rows = [
    ['executions', all.executionsMicros],
    ['idle', all.idleMicros],
    ['boot', all.bootMicros],
    ['IPv4', all.ipv4Micros],
    ['sum', all.totalMicros],
  ] as const;
  const width = Math.max(...rows.map(([, micros]) => exactEuros(micros).length));
  const fields = renderFields(
    rows.map(([name, micros]) => [`  ${name}`, exactEuros(micros).padStart(width)]),
  );
  const provisional =
    running.servers === 0
      ? ''
      : `${exactEuros(running.totalMicros)} of it is provisional: ${plural(running.servers, 'server')} not billed to the end\n`;
  return `What the cloud bills for ${plural(all.servers, 'server')} of the whole grid:\n${fields}${provisional}`;
}

function budgetText(budget: Budget): string {
  const { limitMicros, committedMicros, reservedMicros } = budget;
  const limit =
    limitMicros === null
      ? 'no limit is set'
      : `of ${formatEuros(limitMicros)} (${Math.floor((100 * committedMicros) / Math.max(1, limitMicros))} %)`;
  const line = `This month: ${formatEuros(committedMicros)} committed, at worst ${formatEuros(reservedMicros)} more reserved, ${limit}\n`;
  switch (budget.level) {
    case 'ok':
      return line;
    case 'warning':
      return `${line}Warning: most of the budget is used.\n`;
    case 'reached':
      return `${line}Warning: the budget is used up or spoken for; no new server is made.\n`;
  }
}

/** The dearest first. */
export function executionsText(executions: readonly ExecutionCost[]): string {
  if (executions.length === 0) return 'nothing has run\n';
  const table = renderTable<ExecutionCost>(
    [
      { title: 'ID', value: (row) => row.executionId },
      { title: 'SCRIPT', value: (row) => row.script },
      { title: 'INPUT', value: (row) => (row.label === row.script ? '' : row.label) },
      { title: 'ATTEMPTS', value: (row) => String(row.attempts), isRight: true },
      TIME,
      COST,
      { title: '', value: (row) => (row.isProvisional ? 'provisional' : '') },
    ],
    executions.toSorted((a, b) => b.costMicros - a.costMicros),
  );
  return `${table}\n${formatEuros(totalMicros(executions))} for ${plural(executions.length, 'execution')}\n`;
}

export function totalMicros(executions: readonly ExecutionCost[]): number {
  return executions.reduce((sum, row) => sum + row.costMicros, 0);
}
