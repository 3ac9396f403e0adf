import type { Execution, Manifest } from '@nexus/grid/contract';

import { inLanes } from '../lanes.ts';
import type { Screen } from '../terminal/screen.ts';
import type { Destination } from './destination.ts';
import { openDestination } from './fetch-outputs.ts';
import { hasOutputs } from './has-outputs.ts';
import { flatNames } from './layout.ts';
import { Ledger } from './ledger.ts';
import type { OutputsSource } from './outputs-source.ts';
import { placeOutputs, type PlaceReport } from './place-outputs.ts';
import { reportConflicts, reportSkipped } from './report-outputs.ts';

const LANES = 4;

export interface BatchOutputsOptions {
  source: OutputsSource;
  screen: Screen;
  folder: string;
  /** The folder of each execution below it, by index. */
  folders: readonly string[];
  isFlat: boolean;
  /** Ends it where it stands. */
  signal?: AbortSignal;
}

/** Brings the outputs of a batch back as its executions end, a few at a time. */
export class BatchOutputs {
  readonly #options: BatchOutputsOptions;
  readonly #waiting: Execution[] = [];
  readonly #lanes = new Set<Promise<void>>();
  #opened: { destination: Destination; ledger: Ledger } | undefined;
  #failure: unknown;
  #written = 0;
  #left = 0;
  readonly #skipped: PlaceReport['skipped'] = [];

  constructor(options: BatchOutputsOptions) {
    this.#options = options;
  }

  /** Files that were fetched. */
  get written(): number {
    return this.#written;
  }

  /** Executions whose outputs were left where they are, because of the signal. */
  get left(): number {
    return this.#left;
  }

  /** Fetches the outputs of an ended execution in the background. */
  add(execution: Execution): void {
    if (!hasOutputs(execution) || this.#failure !== undefined) return;
    if (this.#isStopped) {
      this.#left += 1;
      return;
    }
    this.#waiting.push(execution);
    // Names of flat outputs depend on what all the others are called.
    if (!this.#options.isFlat && this.#lanes.size < LANES) this.#startLane();
  }

  /** Fetches the outputs of an execution at once, in the folder of its own. */
  async place(execution: Execution): Promise<void> {
    if (!hasOutputs(execution)) return;
    const outputs = await this.#options.source.manifestOf(execution);
    await this.#place(execution, { outputs, prefix: this.#folderOf(execution) });
  }

  /** Resolves once everything is here; throws what kept it from being written. */
  async finish(): Promise<void> {
    if (this.#options.isFlat) await this.#placeFlat().catch((error: unknown) => this.#fail(error));
    while (this.#lanes.size > 0) await Promise.all(this.#lanes);
    // Only now: with --flat several executions may fill the same folder.
    this.#opened?.destination.finish();
    await reportSkipped(this.#options.screen, this.#skipped);
    if (this.#failure !== undefined) throw asError(this.#failure);
  }

  #startLane(): void {
    const lane = this.#runLane().finally(() => this.#lanes.delete(lane));
    this.#lanes.add(lane);
  }

  async #runLane(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      try {
        await this.place(next);
      } catch (error) {
        this.#left += this.#isStopped ? 1 : 0;
        this.#fail(error);
      }
    }
  }

  get #isStopped(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  /** A disk that is full for one is full for all: nothing more is fetched. */
  #fail(error: unknown): void {
    if (this.#isStopped) this.#left += this.#waiting.length;
    else this.#failure ??= error;
    this.#waiting.length = 0;
  }

  async #placeFlat(): Promise<void> {
    const manifests = new Map<Execution, Manifest>();
    const executions = this.#waiting.toSorted((a, b) => a.index - b.index);
    this.#options.signal?.throwIfAborted();
    await inLanes(executions, LANES, async (execution) => {
      manifests.set(execution, await this.#options.source.manifestOf(execution));
    });
    const renames = flatNames(
      executions.map((execution) => ({
        folder: this.#folderOf(execution),
        paths: namesIn(manifests.get(execution)),
      })),
    );
    await inLanes(executions.entries(), LANES, async ([position, execution]) => {
      const outputs = manifests.get(execution);
      if (outputs) await this.#place(execution, { outputs, prefix: '', rename: renames[position] });
    });
    this.#waiting.length = 0;
  }

  async #place(
    execution: Execution,
    how: { outputs: Manifest; prefix: string; rename?: ReadonlyMap<string, string> | undefined },
  ): Promise<void> {
    const { source, screen } = this.#options;
    const { destination, ledger } = this.#open(execution.batchId);
    const report = await placeOutputs({
      executionId: execution.id,
      destination,
      ledger,
      fetch: (entry, path) => source.fetch(execution, entry, path),
      sent: (path) => source.sent(destination.absolute(path)),
      ...how,
    });
    this.#written += report.written;
    this.#skipped.push(...report.skipped);
    await reportConflicts(screen, report);
  }

  #folderOf({ index }: Execution): string {
    return this.#options.folders[index] ?? String(index);
  }

  #open(id: string): { destination: Destination; ledger: Ledger } {
    if (!this.#opened) {
      const destination = openDestination(this.#options.folder, id);
      this.#opened = {
        destination,
        ledger: Ledger.load(this.#options.source.home, destination.root),
      };
    }
    return this.#opened;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function namesIn(manifest: Manifest | undefined): string[] {
  return (manifest?.entries ?? [])
    .filter((entry) => entry.type !== 'directory')
    .map((entry) => entry.path);
}
