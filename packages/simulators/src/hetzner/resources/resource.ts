import { z } from 'zod';

import { parseBody, type Call } from '../call.ts';
import { notUnique } from '../errors.ts';
import type { Resource } from '../state.ts';

export const labelsSchema = z.record(z.string(), z.string()).optional();
export const nameSchema = z.string().min(1).max(128);
export const idSchema = z.number().int().positive();
/** Where a body may name a thing by its id or its name; official clients send either. */
export const idOrNameSchema = z.union([z.string().min(1), idSchema]);

const updateSchema = z.object({ name: nameSchema.optional(), labels: labelsSchema });

/** Labels are replaced as a whole; a name stays unique among its like. */
export function updateResource(
  call: Call,
  resource: Resource,
  others: ReadonlyMap<number, Resource>,
): void {
  const { name, labels } = parseBody(call, updateSchema);
  if (name !== undefined && name !== resource.name) checkNameIsFree(others, name);
  resource.name = name ?? resource.name;
  resource.labels = labels ?? resource.labels;
}

export function checkNameIsFree(
  others: ReadonlyMap<number, Resource>,
  name: string,
  message = 'name is already used',
): void {
  if ([...others.values()].some((other) => other.name === name)) throw notUnique('name', message);
}
