import type { SubmitReply } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import type { Screen } from '../terminal/screen.ts';
import type { PreparedRun } from './prepare-run.ts';

export interface SubmitHooks {
  signal: AbortSignal;
  screen: Screen;
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
      await upload(api, prepared, { ...hooks, missing });
      ({ state, missing } = await api.start(reply.batchId));
    }
  } catch (error) {
    // Nothing of it has run, and without its files nothing ever will.
    if (!reply.isAttached) await api.cancelBatch(reply.batchId).catch(() => undefined);
    throw error;
  }
  return { ...reply, state, missing };
}

async function upload(
  api: GridApi,
  { sources }: PreparedRun,
  { missing, signal, screen }: SubmitHooks & { missing: readonly string[] },
): Promise<void> {
  // On the usual path everything is there already, and these are never needed.
  const { uploadBlobs } = await import('../api/upload-blobs.ts');
  const { TransferBar } = await import('../terminal/transfer-bar.ts');
  const sizeBytes = missing.reduce((sum, sha256) => sum + (sources.get(sha256)?.sizeBytes ?? 0), 0);
  const progress = new TransferBar(screen, 'sending', sizeBytes);
  try {
    await uploadBlobs(api, { sources, missing, progress, signal });
  } finally {
    await progress.finish();
  }
}
