import { renderTable } from '@nexus/rgrid/table';
import { formatEuros, plural } from '@nexus/rgrid/text';

import type { DeleteProblem } from './delete-waste.ts';
import type { Waste } from './find-waste.ts';

/** What `nexus gc` found, and what became of each. */
export interface Judged extends Waste {
  outcome: 'left' | 'deleted' | 'failed';
  problem: DeleteProblem;
}

export function microsAtStake(wastes: readonly Waste[]): number {
  return wastes
    .filter(({ isDeletable }) => isDeletable)
    .reduce((sum, { microsPerMonth }) => sum + (microsPerMonth ?? 0), 0);
}

/** For a terminal, before anything is deleted. */
export function wasteText(wastes: readonly Waste[]): string {
  const deletable = wastes.filter(({ isDeletable }) => isDeletable);
  const told = wastes.filter(({ isDeletable }) => !isDeletable);
  const parts = [
    deletable.length === 0
      ? 'Nothing of ours bills without use.\n'
      : `${wasteTable(deletable)}\n${plural(deletable.length, 'thing')} without use, ${formatEuros(microsAtStake(wastes))} a month\n`,
  ];
  if (told.length > 0) parts.push(`Not touched, but look at it:\n${wasteTable(told)}`);
  return parts.join('\n');
}

function wasteTable(wastes: readonly Waste[]): string {
  return renderTable<Waste>(
    [
      { title: 'WHAT', value: ({ kind }) => kind.replaceAll('_', ' ') },
      { title: 'ID', value: ({ id }) => String(id), isRight: true },
      { title: 'NAME', value: ({ name }) => name },
      { title: 'PER MONTH', value: ({ microsPerMonth: micros }) => price(micros), isRight: true },
      { title: 'WHY', value: ({ reason }) => reason },
    ],
    wastes,
  );
}

function price(micros: number | null): string {
  return micros === null ? 'unknown' : formatEuros(micros);
}

/** What was done, a line each. */
export function outcomeText(judged: readonly Judged[]): string {
  return judged
    .filter(({ outcome }) => outcome !== 'left')
    .map(({ kind, name, outcome, problem }) => {
      const what = `${kind.replaceAll('_', ' ')} ${name}`;
      return outcome === 'deleted' ? `deleted ${what}\n` : `could not delete ${what}: ${problem}\n`;
    })
    .join('');
}
