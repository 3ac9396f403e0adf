import type { RefusalMemory } from './snapshot.ts';

const MINUTE = 60_000;

/** Sold out, or a limit of the account: both last. The steps of the Kubernetes autoscaler. */
const LONG = { firstMs: 5 * MINUTE, mostMs: 30 * MINUTE };
/** Too many calls, or an outage: a few quiet moments help. */
const SHORT = { firstMs: 15_000, mostMs: 5 * MINUTE };

export function backoffMs(failures: number, steps: { firstMs: number; mostMs: number }): number {
  return Math.min(steps.mostMs, steps.firstMs * 2 ** Math.max(0, failures - 1));
}

export type Refusal =
  /** This type is sold out in this location, or not offered there (any more). */
  | {
      readonly kind: 'cell';
      readonly serverType: string;
      readonly location: string;
      readonly reason: string;
    }
  /** Whatever is asked for is refused: a limit of the account, a token without the right. */
  | { readonly kind: 'account'; readonly reason: string }
  /** The rate limit, or an error on their side. */
  | { readonly kind: 'passing'; readonly reason: string };

export function rememberRefusal(
  memory: RefusalMemory,
  refusal: Refusal,
  nowMs: number,
): RefusalMemory {
  const { reason } = refusal;
  if (refusal.kind !== 'cell') {
    const failures = (memory.account?.failures ?? 0) + 1;
    const pauseMs = backoffMs(failures, refusal.kind === 'account' ? LONG : SHORT);
    return { ...memory, account: { failures, untilMs: nowMs + pauseMs, reason } };
  }
  const { serverType, location } = refusal;
  const isOther = (cell: Cell) => !isCell(cell, refusal);
  const failures = (memory.cells.find((cell) => isCell(cell, refusal))?.failures ?? 0) + 1;
  const untilMs = nowMs + backoffMs(failures, LONG);
  const cell = { serverType, location, failures, untilMs, reason };
  return { ...memory, cells: [...memory.cells.filter(isOther), cell] };
}

/** A create went through: neither the account nor this cell is refused any more. */
export function rememberSuccess(memory: RefusalMemory, cell: Cell): RefusalMemory {
  return { cells: memory.cells.filter((other) => !isCell(other, cell)), account: null };
}

interface Cell {
  readonly serverType: string;
  readonly location: string;
}

export function isCell(a: Cell, b: Cell): boolean {
  return a.serverType === b.serverType && a.location === b.location;
}
