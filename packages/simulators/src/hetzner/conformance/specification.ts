import { readFileSync } from 'node:fs';
import { z } from 'zod';

const operationSchema = z.object({
  description: z.string().default(''),
  responses: z.record(
    z.string(),
    z.object({ content: z.record(z.string(), z.object({ schema: z.unknown() })).optional() }),
  ),
});

const specificationSchema = z.object({
  info: z.object({ description: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
});

export type Operation = z.infer<typeof operationSchema>;

/** The parts of an OpenAPI 3.0 document that say something about replies. */
export type Specification = z.infer<typeof specificationSchema>;

export function readSpecification(path: string): Specification {
  return specificationSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

export interface SpecifiedPath {
  path: string;
  /** By the method in lower case. */
  operations: ReadonlyMap<string, Operation>;
}

/** Finds what the document says about `/servers/42`; a literal segment goes before a parameter. */
export function createPathFinder(
  specification: Specification,
): (path: string) => SpecifiedPath | undefined {
  const patterns = Object.entries(specification.paths)
    .map(([path, operations]) => ({
      path,
      pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, String.raw`\d+`)}$`),
      operations: new Map(
        Object.entries(operations).map(([method, value]) => [method, operationSchema.parse(value)]),
      ),
    }))
    .toSorted((a, b) => countParameters(a.path) - countParameters(b.path));
  return (path) => patterns.find(({ pattern }) => pattern.test(path));
}

function countParameters(path: string): number {
  return path.split('{').length;
}

/** The rows of the tables `| Status | Code | …` in a text, as `409 conflict`. */
export function readErrorCodes(text: string): string[] {
  return [...text.matchAll(/^\s*\|\s*`(\d{3})`\s*\|\s*`(\w+)`\s*\|/gm)].map(
    ([, status, code]) => `${status} ${code}`,
  );
}
