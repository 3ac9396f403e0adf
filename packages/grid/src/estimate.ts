import type { Estimate } from './contract/index.ts';
import { slotCostMicros } from './cost.ts';

export interface EstimateBasis {
  executions: number;
  samples: number;
  medianMs: number;
  p90Ms: number;
  workers: readonly { slots: number; priceMicrosPerHour: number }[];
}

/** A step that saves less than this share of the time is past the knee. */
const WORTHWHILE = 0.1;

/** Time and money of a batch for several `--parallel` values on the workers that are here. */
export function estimateBatch(basis: EstimateBasis): Estimate {
  const slots = Math.max(
    1,
    basis.workers.reduce((sum, worker) => sum + worker.slots, 0),
  );
  const options = parallelSteps(slots, basis.executions).map((parallel) => ({
    parallel,
    durationMs: Math.ceil(basis.executions / parallel) * basis.medianMs,
    costMicros: basis.executions * slotPrice(basis),
  }));
  const { samples, medianMs, p90Ms } = basis;
  return { samples, medianMs, p90Ms, options, knee: findKnee(options) };
}

/** 1, 2, 4, … up to what the slots and the number of executions allow, both ends included. */
function parallelSteps(slots: number, executions: number): number[] {
  const most = Math.min(slots, executions);
  const steps: number[] = [];
  for (let parallel = 1; parallel < most; parallel *= 2) steps.push(parallel);
  return [...steps, most];
}

function slotPrice({ workers, medianMs }: EstimateBasis): number {
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0);
  if (slots === 0) return 0;
  const priceMicrosPerHour = workers.reduce((sum, worker) => sum + worker.priceMicrosPerHour, 0);
  return slotCostMicros({ durationMs: medianMs, priceMicrosPerHour, slots });
}

function findKnee(options: Estimate['options']): number {
  let knee = options[0];
  for (const option of options) {
    if (knee && option.durationMs < knee.durationMs * (1 - WORTHWHILE)) knee = option;
  }
  return knee?.parallel ?? 1;
}
