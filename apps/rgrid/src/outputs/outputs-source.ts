import type { Execution, FileEntry, Manifest, ManifestEntry } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import { downloadBlob, type BlobDownload } from './download-blob.ts';

/** Where outputs come from, and what is known of the files in their way. */
export interface OutputsSource {
  home: string;
  manifestOf: (execution: Execution) => Promise<Manifest>;
  /** Leaves the bytes of one of its files at `path`, checked. */
  fetch: (execution: Execution, entry: FileEntry, path: string) => Promise<void>;
  /** What was sent with the run, by absolute path here. */
  sent: (path: string) => Promise<ManifestEntry | undefined>;
}

/** Outputs that the platform holds. */
export function gridOutputs(
  api: GridApi,
  known: Pick<OutputsSource, 'home' | 'sent'>,
  transfer: Pick<BlobDownload, 'onBytes' | 'signal'> = {},
): OutputsSource {
  return {
    ...known,
    manifestOf: ({ id }) => api.getOutputs(id),
    fetch: (_execution, { sha256, sizeBytes }, path) =>
      downloadBlob(api, { sha256, sizeBytes, path, ...transfer }),
  };
}
