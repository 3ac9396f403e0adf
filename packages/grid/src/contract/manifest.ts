import { z } from 'zod';

import { isManifestPath } from './constants.ts';
import { sha256Schema } from './identifiers.ts';
import { textSchema } from './text.ts';

/**
 * A path in a manifest. Relative and inside the project (`data/a.csv`), or absolute for a file
 * that an argument named outside of it (`/srv/in.csv`). `/` separates; no `.`, `..` or empty part,
 * so that joining it to a folder can never lead out of that folder.
 */
export const manifestPathSchema = textSchema
  .min(1)
  .max(4096)
  .refine(isManifestPath, 'must be a plain path without "." or ".." parts');

export { isManifestPath } from './constants.ts';

/** Permission bits, the sticky and set-id bits left out on purpose. */
const modeSchema = z.number().int().min(0).max(0o777);

export const fileEntrySchema = z.strictObject({
  type: z.literal('file'),
  path: manifestPathSchema,
  mode: modeSchema,
  sizeBytes: z.number().int().min(0),
  sha256: sha256Schema,
});

export const manifestEntrySchema = z.discriminatedUnion('type', [
  fileEntrySchema,
  z.strictObject({ type: z.literal('directory'), path: manifestPathSchema, mode: modeSchema }),
  z.strictObject({
    type: z.literal('symlink'),
    path: manifestPathSchema,
    target: textSchema.min(1).max(4096),
  }),
]);

function sizeOf(entry: ManifestEntry): number {
  return entry.type === 'file' ? entry.sizeBytes : 0;
}

/** Names, modes and blobs of a set of files, sorted by path (by code unit), each path once. */
export const manifestSchema = z.strictObject({
  entries: z
    .array(manifestEntrySchema)
    .max(200_000)
    .refine(
      (entries) => Number.isSafeInteger(entries.reduce((sum, entry) => sum + sizeOf(entry), 0)),
      'have more bytes together than can be counted',
    ),
});

export type FileEntry = z.infer<typeof fileEntrySchema>;
export type ManifestEntry = z.infer<typeof manifestEntrySchema>;
export type Manifest = z.infer<typeof manifestSchema>;
