export {
  chooseDriver,
  type DriverChoice,
  type DriverProbe,
  type DriverWish,
} from './choose-driver.ts';
export { createDriver, type SandboxOptions } from './create-driver.ts';
export { sweepContainers, type DockerOptions } from './docker-driver.ts';
export type {
  Mount,
  RunningSandbox,
  SandboxDescription,
  SandboxDriver,
  SandboxDriverName,
  SandboxExit,
  SandboxLimits,
  SandboxOutcome,
  SandboxSpec,
  SandboxStdin,
} from './driver.ts';
export { sweepCgroups } from './find-cgroup-parent.ts';
export { offerDrivers } from './offer-drivers.ts';
export { probeDrivers } from './probe-drivers.ts';
export { sandboxOwner } from './sandbox-owner.ts';
