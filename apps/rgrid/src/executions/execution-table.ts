import type { Execution } from '@nexus/grid/contract';

import { stateWord } from '../run/outcome.ts';
import { renderTable, type Column } from '../terminal/table.ts';
import { age, runTime } from './describe.ts';

/** Executions as `list` and `status` show them. */
export function executionTable(
  executions: readonly Execution[],
  now: number,
  width?: number,
): string {
  const columns: Column<Execution>[] = [
    { title: 'ID', value: (execution) => execution.id },
    { title: 'STATE', value: (execution) => stateWord(execution.state) },
    { title: 'EXIT', value: (execution) => execution.exitCode?.toString() ?? '', isRight: true },
    { title: 'TIME', value: (execution) => runTime(execution, now), isRight: true },
    { title: 'SUBMITTED', value: (execution) => age(execution.createdAt, now) },
    { title: 'SCRIPT', value: (execution) => execution.script },
    {
      title: 'INPUT',
      value: (execution) => (execution.label === execution.script ? '' : execution.label),
      isFlexible: true,
    },
  ];
  return renderTable(columns, executions, width);
}
