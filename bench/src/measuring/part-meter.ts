import type { Platform } from '../platform/platform.ts';

import { cpuMs, endedBelowCpuMs, endedChildrenCpuMs, processTree } from './processes.ts';
import { printTable, title } from './report.ts';
import { median } from './statistics.ts';

/** CPU of the platform's parts between `start` and `stop`, for each execution. */
export class PartMeter {
  readonly #platform: Platform;
  readonly #executions: number;
  readonly #totals = new Map<string, number[]>();
  #before = new Map<string, number>();

  constructor(platform: Platform, executions: number) {
    this.#platform = platform;
    this.#executions = executions;
  }

  start(): void {
    this.#before = this.#read();
  }

  stop(): void {
    for (const [part, now] of this.#read()) {
      const all = this.#totals.get(part) ?? [];
      all.push((now - (this.#before.get(part) ?? 0)) / this.#executions);
      this.#totals.set(part, all);
    }
  }

  print(cliMs: readonly number[]): void {
    title('CPU for each execution of rgrid');
    const rows = [...this.#totals, ['command line', cliMs] as const].map(([part, values]) => [
      part,
      `${median(values).toFixed(2)} ms`,
    ]);
    printTable(['part', 'CPU'], rows);
  }

  #read(): Map<string, number> {
    const { orchestratorPid, workerPid, postgresPid } = this.#platform;
    return new Map([
      ['orchestrator', cpuMs([orchestratorPid])],
      ['worker itself', cpuMs([workerPid])],
      ['sandboxes with Python', endedBelowCpuMs(workerPid)],
      ['postgres', cpuMs(processTree(postgresPid)) + endedChildrenCpuMs(postgresPid)],
    ]);
  }
}
