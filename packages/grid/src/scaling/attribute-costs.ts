import { billMicros, HOUR_MS, startedHours, type Rent } from './hours.ts';

/** A server's life, and what ran on it, for its bill to be split. */
export interface ServerLife extends Rent {
  readonly createdAtMs: number;
  /** Null: its worker never registered. */
  readonly registeredAtMs: number | null;
  /** When the cloud's delete of it was done; or now, for what it has cost so far. */
  readonly endAtMs: number;
  readonly slots: number;
  /** Slot time of each attempt, by the clock of the control plane: the cloud's may differ. */
  readonly attemptMs: readonly number[];
  /** Of attempts that are not told one by one. */
  readonly otherSlotMs: number;
}

export interface CostParts {
  /** What the cloud bills: executions, boot, idle and IPv4, to the micro-euro. */
  readonly totalMicros: number;
  readonly executionsMicros: number;
  /** From creation to the first moment at which an execution could run. */
  readonly bootMicros: number;
  /** Slots that nothing ran on, the unused rest of the last hour included. */
  readonly idleMicros: number;
  readonly ipv4Micros: number;
  /** Of `executionsMicros`, the share of each attempt in their order; the rest is that of all others. */
  readonly attemptMicros: readonly number[];
}

/** Splits the started hours of a server by slot time into what ran on it, what did not, and what it took to be there. */
export function attributeCosts(life: ServerLife): CostParts {
  const totalMicros = billMicros(life, life);
  const ipv4Micros = billMicros({ ...life, priceMicrosPerHour: 0 }, life);
  const serverMicros = totalMicros - ipv4Micros;
  const usedMs = life.attemptMs.reduce((sum, ms) => sum + ms, life.otherSlotMs);
  const bootMs = bootTimeMs(life);
  const paidMs = startedHours(life.endAtMs - life.createdAtMs) * HOUR_MS;
  // Leases that were fetched ahead overlap: together they may take more slots than there are.
  const idleMs = Math.max(0, (paidMs - bootMs) * life.slots - usedMs);
  const weights = [bootMs * life.slots, idleMs, life.otherSlotMs, ...life.attemptMs];
  const [bootMicros = 0, idleMicros = 0, , ...attemptMicros] = splitMicros(serverMicros, weights);
  const executionsMicros = serverMicros - bootMicros - idleMicros;
  return { totalMicros, executionsMicros, bootMicros, idleMicros, ipv4Micros, attemptMicros };
}

function bootTimeMs({ createdAtMs, registeredAtMs, endAtMs }: ServerLife): number {
  return Math.max(0, Math.min(registeredAtMs ?? endAtMs, endAtMs) - createdAtMs);
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
