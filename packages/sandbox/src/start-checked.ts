import { findSpecFault } from './check-spec.ts';
import type { RunningSandbox, SandboxSpec } from './driver.ts';
import { notStarted, notStartedBecause } from './not-started.ts';

/** Drivers start what makes sense, and tell what they cannot start instead of throwing it. */
export async function startChecked(
  spec: SandboxSpec,
  start: (spec: SandboxSpec) => Promise<RunningSandbox>,
): Promise<RunningSandbox> {
  const fault = findSpecFault(spec);
  if (fault !== null) return notStarted(fault);
  try {
    return await start(spec);
  } catch (error) {
    return notStartedBecause(error);
  }
}
