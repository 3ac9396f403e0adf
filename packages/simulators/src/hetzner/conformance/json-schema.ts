import { ADDED_ENUM_VALUES, REMOVED_PROPERTIES } from './differences.ts';

type JsonObject = Record<string, unknown>;

/**
 * A schema of OpenAPI 3.0 as JSON Schema. Objects are closed, so that a field the document does not
 * know is found, too; of the rest only `nullable` is written differently.
 */
export function toJsonSchema(schema: unknown, name = ''): unknown {
  if (Array.isArray(schema)) return schema.map((item) => toJsonSchema(item, name));
  if (!isObject(schema)) return schema;
  const { nullable, properties, required, example: _, ...rest } = schema;
  const converted: JsonObject = { ...rest };
  for (const key of ['items', 'additionalProperties', 'oneOf', 'anyOf', 'allOf']) {
    if (key in rest) converted[key] = toJsonSchema(rest[key], name);
  }
  if (Array.isArray(rest['enum'])) converted['enum'] = widenEnum(rest['enum'], name);
  if (isObject(properties)) Object.assign(converted, closeObject(properties, required), rest);
  if (nullable === true) allowNull(converted);
  return converted;
}

function widenEnum(values: readonly unknown[], name: string): unknown[] {
  return [...values, ...(ADDED_ENUM_VALUES[name] ?? [])];
}

function closeObject(properties: JsonObject, required: unknown): JsonObject {
  const kept = Object.entries(properties).filter(([name]) => !REMOVED_PROPERTIES.includes(name));
  const names = Array.isArray(required) ? required : [];
  return {
    properties: Object.fromEntries(kept.map(([name, value]) => [name, toJsonSchema(value, name)])),
    required: names.filter((name) => !REMOVED_PROPERTIES.includes(String(name))),
    additionalProperties: false,
  };
}

function allowNull(schema: JsonObject): void {
  if (typeof schema['type'] === 'string') schema['type'] = [schema['type'], 'null'];
  const values: unknown = schema['enum'];
  if (Array.isArray(values)) schema['enum'] = [...(values as unknown[]), null];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
