import { z } from 'zod';

export const timestampSchema = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
