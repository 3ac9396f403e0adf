import type { Execution, ManifestEntry } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import { hasOutputs } from './has-outputs.ts';
import { Destination } from './destination.ts';
import { Ledger } from './ledger.ts';
import { placeOutputs, writeProblem, type PlaceReport } from './place-outputs.ts';

/** Who wants outputs, and what is known of the files in their way. */
export interface OutputsClient {
  api: GridApi;
  home: string;
  /** What was sent with the run, by absolute path here. */
  sent(path: string): Promise<ManifestEntry | undefined>;
}

export interface FetchRequest {
  execution: Execution;
  folder: string;
  /** Only these paths; undefined for all. */
  only?: ReadonlySet<string>;
}

/** Brings the outputs of one execution into a folder, each to where it would have appeared. */
export async function fetchOutputs(
  client: OutputsClient,
  request: FetchRequest,
): Promise<PlaceReport> {
  const { execution, folder, only } = request;
  if (!hasOutputs(execution)) return { placed: [], written: 0, conflicts: [], skipped: [] };
  const outputs = await client.api.getOutputs(execution.id);
  const entries = only ? outputs.entries.filter((entry) => only.has(entry.path)) : outputs.entries;
  if (entries.length === 0) return { placed: [], written: 0, conflicts: [], skipped: [] };
  const destination = openDestination(folder, execution.id);
  return placeOutputs({
    api: client.api,
    executionId: execution.id,
    destination,
    ledger: Ledger.load(client.home, destination.root),
    outputs: { entries },
    sent: (path) => client.sent(destination.absolute(path)),
    prefix: '',
  });
}

export function openDestination(folder: string, id: string): Destination {
  try {
    return Destination.open(folder);
  } catch (error) {
    throw writeProblem(folder, id, error);
  }
}
