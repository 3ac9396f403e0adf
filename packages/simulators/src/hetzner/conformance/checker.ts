import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';

import type { Exchange } from '../simulator.ts';
import { ADDED_ERROR_CODES, REMOVED_PATHS } from './differences.ts';
import { toJsonSchema } from './json-schema.ts';
import {
  createPathFinder,
  readErrorCodes,
  type Operation,
  type Specification,
} from './specification.ts';

export interface ConformanceChecker {
  /** What is wrong with a reply according to the official document, a line each. */
  check(exchange: Exchange): string[];
}

/** Compares statuses, bodies, error codes and headers of replies with the document. */
export function createConformanceChecker(specification: Specification): ConformanceChecker {
  const findPath = createPathFinder(specification);
  const generalCodes = [...readErrorCodes(specification.info.description), ...ADDED_ERROR_CODES];
  const validate = createValidator();
  // Errors look the same everywhere, so those of unknown paths are held against any operation.
  const anyOperation = findPath('/servers')?.operations.get('get');
  return {
    check: (exchange) => {
      const { method, path } = exchange.request;
      const specified = findPath(path);
      const isRemoved = specified !== undefined && REMOVED_PATHS.includes(specified.path);
      const operation = specified?.operations.get(method.toLowerCase());
      const known: Known = { specified: specified !== undefined, isRemoved, operation };
      const where = `${method} ${path} -> ${exchange.reply.status}`;
      return [
        ...checkStatus(exchange, known),
        ...checkBody(exchange, operation ?? anyOperation, validate),
        ...checkErrorCode(exchange, [
          ...generalCodes,
          ...readErrorCodes(operation?.description ?? ''),
        ]),
        ...checkHeaders(exchange),
      ].map((problem) => `${where}: ${problem}`);
    },
  };
}

interface Known {
  specified: boolean;
  isRemoved: boolean;
  operation: Operation | undefined;
}

function checkStatus({ reply }: Exchange, { specified, isRemoved, operation }: Known): string[] {
  // Before anything else, a request may be refused for who sends it and how often.
  if ([401, 429].includes(reply.status)) return [];
  if (!specified) return expectStatus(reply.status, 404);
  if (isRemoved) return expectStatus(reply.status, 410);
  if (!operation) return expectStatus(reply.status, 405);
  return responseOf(operation, reply.status) ? [] : ['the document does not know this status'];
}

function expectStatus(status: number, expected: number): string[] {
  return status === expected ? [] : [`should be ${expected}`];
}

/** `200` as it is; errors stand there as `4xx` and `5xx`. */
function responseOf(operation: Operation, status: number) {
  return (
    operation.responses[String(status)] ?? operation.responses[`${Math.floor(status / 100)}xx`]
  );
}

type Validate = (schema: unknown, body: unknown) => string[];

function checkBody(
  { reply }: Exchange,
  operation: Operation | undefined,
  validate: Validate,
): string[] {
  const response = operation && responseOf(operation, reply.status);
  if (!response) return [];
  const schema = response.content?.['application/json']?.schema;
  if (schema === undefined) {
    return reply.body === undefined ? [] : ['has a body where the document has none'];
  }
  return validate(schema, reply.body);
}

/** Compiles each schema once. */
function createValidator(): Validate {
  const ajv = new Ajv({ strict: false, allErrors: true });
  // The package is CommonJS: what it exports by default is there once more by name.
  addFormats.default(ajv);
  // Formats that say how a number is stored, or that no validator knows.
  for (const format of ['int32', 'int64', 'double']) ajv.addFormat(format, true);
  ajv.addFormat('decimal', /^-?\d+(\.\d+)?$/);
  const compiled = new Map<unknown, ValidateFunction>();
  return (schema, body) => {
    const validator = compiled.get(schema) ?? ajv.compile(toJsonSchema(schema) as object);
    compiled.set(schema, validator);
    if (validator(body)) return [];
    return (validator.errors ?? []).map(({ instancePath, message, params }) =>
      `${instancePath || 'body'} ${message} ${JSON.stringify(params)}`.trim(),
    );
  };
}

function checkErrorCode({ reply }: Exchange, known: readonly string[]): string[] {
  if (reply.status < 400) return [];
  const { body } = reply;
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : null;
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return known.includes(`${reply.status} ${code}`)
    ? []
    : [`the document does not know the error ${code} with this status`];
}

function checkHeaders({ reply }: Exchange): string[] {
  const problems = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset']
    .filter((name) => !/^\d+$/.test(reply.headers[name] ?? ''))
    .map((name) => `the header ${name} is missing`);
  const { body } = reply;
  const isPaged = typeof body === 'object' && body !== null && 'meta' in body;
  if (isPaged && !reply.headers['Link']?.includes('rel="last"')) {
    problems.push('the header Link is missing');
  }
  return problems;
}
