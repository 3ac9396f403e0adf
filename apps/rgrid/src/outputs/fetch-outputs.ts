import type { Execution } from '@nexus/grid/contract';

import { hasOutputs } from './has-outputs.ts';
import { Destination } from './destination.ts';
import { Ledger } from './ledger.ts';
import type { OutputsSource } from './outputs-source.ts';
import { placeOutputs, writeProblem, type PlaceReport } from './place-outputs.ts';

export interface FetchRequest {
  execution: Execution;
  folder: string;
  /** Only these paths; undefined for all. */
  only?: ReadonlySet<string>;
}

/** Brings the outputs of one execution into a folder, each to where it would have appeared. */
export async function fetchOutputs(
  source: OutputsSource,
  request: FetchRequest,
): Promise<PlaceReport> {
  const { execution, folder, only } = request;
  const nothing = { placed: [], changed: [], written: 0, conflicts: [], skipped: [] };
  if (!hasOutputs(execution)) return nothing;
  const outputs = await source.manifestOf(execution);
  const entries = only ? outputs.entries.filter((entry) => only.has(entry.path)) : outputs.entries;
  if (entries.length === 0) return nothing;
  const destination = openDestination(folder, execution.id);
  try {
    return await placeOutputs({
      executionId: execution.id,
      destination,
      ledger: Ledger.load(source.home, destination.root),
      outputs: { entries },
      fetch: (entry, path) => source.fetch(execution, entry, path),
      sent: (path) => source.sent(destination.absolute(path)),
      prefix: '',
    });
  } finally {
    destination.finish();
  }
}

export function openDestination(folder: string, id: string): Destination {
  try {
    return Destination.open(folder);
  } catch (error) {
    throw writeProblem(folder, id, error);
  }
}
