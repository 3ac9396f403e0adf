export { createManualClock, createRealClock, type Clock, type ManualClock } from '../clock.ts';
export type { AccountView, LiveServer } from './account-view.ts';
export type { Bill, BilledLine } from './billing.ts';
export type { TokenOptions } from './create-account.ts';
export type { Fault, FaultBook, FaultOrder, OrderedFault } from './faults.ts';
export type { Machine, Machines, MachineServer } from './machines.ts';
export {
  createHetznerSimulator,
  type Exchange,
  type HetznerSimulator,
  type HetznerSimulatorOptions,
} from './simulator.ts';
