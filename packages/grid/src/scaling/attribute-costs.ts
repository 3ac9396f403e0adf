import { billMicros, type Rent } from './hours.ts';

/** A server's life, and what ran on it, for its bill to be split. */
export interface ServerLife extends Rent {
  readonly createdAtMs: number;
  /** Null: its worker never registered. */
  readonly registeredAtMs: number | null;
  /** When the cloud confirmed its end; or now, for what it has cost so far. */
  readonly endAtMs: number;
  readonly slots: number;
  readonly attempts: readonly AttemptTime[];
}

export interface AttemptTime {
  readonly executionId: string;
  readonly startAtMs: number;
  readonly endAtMs: number;
}

export interface CostParts {
  /** What the cloud bills: the sum of all that follows, to the micro-euro. */
  readonly totalMicros: number;
  readonly ipv4Micros: number;
  /** From creation to the first moment at which an execution could run. */
  readonly bootMicros: number;
  /** Slots that nothing ran on, the unused rest of the last hour included. */
  readonly idleMicros: number;
  readonly executions: readonly { readonly executionId: string; readonly costMicros: number }[];
}

/** Splits the started hours of a server by slot time into what ran on it, what did not, and what it took to be there. */
export function attributeCosts(life: ServerLife): CostParts {
  const totalMicros = billMicros(life, life);
  const ipv4Micros = billMicros({ ...life, priceMicrosPerHour: 0 }, life);
  const serverMicros = totalMicros - ipv4Micros;
  const paidMs = paidTimeMs(life);
  const bootMs = Math.max(
    0,
    Math.min(life.registeredAtMs ?? life.endAtMs, life.endAtMs) - life.createdAtMs,
  );
  const used = slotTimes(life);
  const usedMs = [...used.values()].reduce((sum, ms) => sum + ms, 0);
  const idleMs = Math.max(0, (paidMs - bootMs) * life.slots - usedMs);
  const [boot = 0, idle = 0, ...shares] = splitMicros(serverMicros, [
    bootMs * life.slots,
    idleMs,
    ...used.values(),
  ]);
  const executions = [...used.keys()].map((executionId, index) => ({
    executionId,
    costMicros: shares[index] ?? 0,
  }));
  return { totalMicros, ipv4Micros, bootMicros: boot, idleMicros: idle, executions };
}

function paidTimeMs(life: ServerLife): number {
  const hourOnly = { priceMicrosPerHour: 1, ipv4MicrosPerHour: 0 };
  return billMicros(hourOnly, life) * 3_600_000;
}

/** Slot time of each execution within the server's life; several attempts of one are added up. */
function slotTimes({ attempts, createdAtMs, endAtMs }: ServerLife): Map<string, number> {
  const times = new Map<string, number>();
  for (const attempt of attempts) {
    const from = Math.max(createdAtMs, attempt.startAtMs);
    const ms = Math.max(0, Math.min(endAtMs, attempt.endAtMs) - from);
    times.set(attempt.executionId, (times.get(attempt.executionId) ?? 0) + ms);
  }
  return times;
}

/** Integer shares of a total in proportion to the weights, by largest remainder: they add up exactly. */
export function splitMicros(totalMicros: number, weights: readonly number[]): number[] {
  // In whole numbers of any size: micro-euros times milliseconds leave what a double holds exactly.
  const whole = weights.map((weight) => BigInt(Math.round(weight)));
  const sum = whole.reduce((total, weight) => total + weight, 0n);
  if (sum === 0n) return weights.map((_, index) => (index === 0 ? totalMicros : 0));
  const exact = whole.map((weight) => weight * BigInt(totalMicros));
  const shares = exact.map((value) => Number(value / sum));
  const missing = totalMicros - shares.reduce((total, share) => total + share, 0);
  const byRemainder = exact
    .map((value, index) => ({ index, remainder: Number(value % sum) }))
    .toSorted((a, b) => b.remainder - a.remainder || a.index - b.index);
  for (const { index } of byRemainder.slice(0, missing)) shares[index] = (shares[index] ?? 0) + 1;
  return shares;
}
