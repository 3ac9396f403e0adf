import type { Database } from '@nexus/db';
import type { BlobStore } from '@nexus/storage';
import type { Vault } from '@nexus/vault';

import type { Turns } from '../queue/turns.ts';
import type { Signals } from '../signals/signals.ts';
import type { WorkerRegistry } from './worker-registry.ts';

export interface WorkerDeps {
  database: Database;
  blobs: BlobStore;
  vault: Vault;
  signals: Signals;
  registry: WorkerRegistry;
  turns: Turns;
  leaseMs: number;
  maxTimesLost: number;
}
