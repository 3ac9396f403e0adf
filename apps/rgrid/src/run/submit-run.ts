import type { SubmitReply } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import type { UploadProgress } from '../api/upload-blobs.ts';
import type { PreparedRun } from './prepare-run.ts';

export interface SubmitHooks {
  signal: AbortSignal;
  /** Called once it is known what has to be sent. */
  onUpload?(sizeBytes: number): UploadProgress;
}

/** Submits, sends what the platform lacks, and starts. With everything there already it is one call. */
export async function submitRun(
  api: GridApi,
  prepared: PreparedRun,
  hooks: SubmitHooks,
): Promise<SubmitReply> {
  const reply = await api.submit(prepared.submission);
  let { state, missing } = reply;
  try {
    while (state === 'uploading') {
      hooks.signal.throwIfAborted();
      const progress = hooks.onUpload?.(sizeOf(missing, prepared));
      // On the usual path everything is there already, and this is never needed.
      const { uploadBlobs } = await import('../api/upload-blobs.ts');
      await uploadBlobs(api, {
        sources: prepared.sources,
        missing,
        progress,
        signal: hooks.signal,
      });
      ({ state, missing } = await api.start(reply.batchId));
    }
  } catch (error) {
    // Nothing of it has run, and without its files nothing ever will.
    if (!reply.isAttached) await api.cancelBatch(reply.batchId).catch(() => undefined);
    throw error;
  }
  return { ...reply, state, missing };
}

function sizeOf(missing: readonly string[], prepared: PreparedRun): number {
  return missing.reduce((sum, sha256) => sum + (prepared.sources.get(sha256)?.sizeBytes ?? 0), 0);
}
