import type { ServerBooks } from '@nexus/autoscaler/books';
import type { HetznerClient } from '@nexus/hetzner';

import { deleteWaste } from './delete-waste.ts';
import { findWaste, type Waste } from './find-waste.ts';
import { readInventory, readPrices } from './inventory.ts';
import type { Books } from './read-books.ts';
import type { Judged } from './report.ts';

export interface GcDeps {
  client: HetznerClient;
  /** Null: they could not be read. */
  books: { seen: Books; writer: ServerBooks } | null;
  now: () => Date;
  /** Told what was found; says whether what may be deleted is to be. */
  mayDelete: (wastes: readonly Waste[]) => Promise<boolean>;
}

export interface GcSettings {
  gridName: string;
  imageId: number | null;
  keyFingerprint: string | null;
}

/** Finds what bills or lies around without use and, if it may, deletes it: servers first, others hang on them. */
export async function collectGarbage(deps: GcDeps, settings: GcSettings): Promise<Judged[]> {
  const { client, books, now } = deps;
  const prices = await readPrices(client);
  const wastes = findWaste(await readInventory(client), {
    ...{ ...settings, prices, now: now() },
    books: books?.seen ?? null,
  });
  const mayDelete = await deps.mayDelete(wastes);
  const judged: Judged[] = [];
  for (const waste of wastes.toSorted((a, b) => rank(a) - rank(b))) {
    if (!mayDelete || !waste.isDeletable) judged.push({ ...waste, outcome: 'left', problem: null });
    else {
      const writer = books?.writer ?? null;
      const problem = await deleteWaste({ client, now, books: writer }, waste);
      judged.push({ ...waste, outcome: problem === null ? 'deleted' : 'failed', problem });
    }
  }
  return judged;
}

function rank({ kind }: Waste): number {
  return kind === 'server' ? 0 : 1;
}

/** As the help of the command has them. */
export function exitCodeOf(judged: readonly Judged[]): 0 | 2 | 3 {
  if (judged.some(({ outcome }) => outcome === 'failed')) return 3;
  return judged.some(({ outcome, isDeletable }) => isDeletable && outcome === 'left') ? 2 : 0;
}
