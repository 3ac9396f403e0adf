import type { Situation } from './fleet.ts';
import { noticesOfTypes } from './offers.ts';
import type { BudgetOutlook, Notice } from './plan.ts';
import { findStuckDeletes } from './sweep.ts';
import { durationText, eurosText } from './wording.ts';

/** Of the budget; then the operator is warned. */
const WARN_SHARE = 0.8;

export function collectNotices(budget: BudgetOutlook, situation: Situation): Notice[] {
  return [
    ...noticesOfTypes(situation.snapshot.offers, situation.policy),
    ...noticesOfRefusals(situation),
    ...noticesOfBudget(budget),
    ...findStuckDeletes(situation),
  ];
}

function noticesOfRefusals({ snapshot, nowMs }: Situation): Notice[] {
  const { cells, account } = snapshot.refusals;
  const soldOut = cells
    .filter((cell) => cell.untilMs > nowMs)
    .map(({ serverType, location, untilMs }): Notice => {
      const message = `${serverType} is sold out in ${location}; asked for again in ${durationText(untilMs - nowMs)}`;
      return { code: 'sold_out', message };
    });
  if (account === null || account.untilMs <= nowMs) return soldOut;
  const again = `asked again in ${durationText(account.untilMs - nowMs)}`;
  return [
    ...soldOut,
    { code: 'account_refused', message: `no server is made: ${account.reason}; ${again}` },
  ];
}

/** `reached`: what is committed and what may still come to it at worst leave nothing for a new server. */
export function budgetLevel({
  limitMicros,
  committedMicros,
  reservedMicros,
}: BudgetOutlook): 'ok' | 'warning' | 'reached' {
  if (limitMicros === null) return 'ok';
  if (committedMicros + reservedMicros >= limitMicros) return 'reached';
  return committedMicros >= WARN_SHARE * limitMicros ? 'warning' : 'ok';
}

function noticesOfBudget(budget: BudgetOutlook): Notice[] {
  const of = `${eurosText(budget.committedMicros)} of ${eurosText(budget.limitMicros ?? 0)} this month`;
  switch (budgetLevel(budget)) {
    case 'ok':
      return [];
    case 'warning':
      return [{ code: 'budget_warning', message: `most of the budget is used: ${of}` }];
    case 'reached':
      return [{ code: 'budget_reached', message: `the budget is used up or spoken for: ${of}` }];
  }
}
