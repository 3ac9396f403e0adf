import { randomUUID } from 'node:crypto';

import Fastify, {
  LogController,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  isResponseSerializationError,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';

import { AppError, ERROR_CODES, type ErrorCode } from './errors.ts';
import type { Logger } from './logger.ts';

/** What every error answer of every service looks like. */
export interface ErrorBody {
  error: {
    code: ErrorCode;
    message: string;
    retryable: boolean;
    details?: unknown;
    errorId?: string;
  };
}

/** A Fastify server with our validation, one error handler and quiet logs. */
export function createHttpServer(options: { logger: Logger; bodyLimitBytes?: number }) {
  const server = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimitBytes ?? 1 << 20,
    routerOptions: { maxParamLength: 256 },
    // Long polls and event streams must not keep a stopping process alive.
    forceCloseConnections: true,
    genReqId: () => randomUUID(),
  }).withTypeProvider<ZodTypeProvider>();
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  server.setErrorHandler(handleError);
  // JSON is what a body is unless a scope says otherwise: text would be taken for a missing one.
  server.removeContentTypeParser('text/plain');
  server.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .send(errorBody('not_found', `there is no ${request.method} ${pathOf(request)}`)),
  );
  return server;
}

export type HttpServer = ReturnType<typeof createHttpServer>;

function handleError(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  if (reply.raw.headersSent) {
    reply.raw.destroy();
    return reply;
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(
      (issue) => `${issue.instancePath.slice(1) || 'request'}: ${issue.message}`,
    );
    return reply.code(400).send(errorBody('invalid_request', problems.join('; '), { problems }));
  }
  if (error instanceof AppError && error.status < 500) {
    return reply.code(error.status).send(errorBody(error.code, error.message, error.details));
  }
  if (!(error instanceof AppError) && error.statusCode !== undefined && error.statusCode < 500) {
    const code = ERRORS_OF_THE_SERVER[error.statusCode] ?? 'invalid_request';
    return reply.code(error.statusCode).send(errorBody(code, error.message));
  }
  if (UNSTORABLE_CODES.has(error.code)) {
    request.log.warn(
      { err: error, method: request.method, path: pathOf(request) },
      'request refused by the database',
    );
    return reply
      .code(400)
      .send(
        errorBody('invalid_request', 'the request holds a text or a number that cannot be stored'),
      );
  }
  return hideServerError(error, request, reply);
}

// What Fastify itself refuses before a handler is called.
const ERRORS_OF_THE_SERVER: Readonly<Record<number, ErrorCode>> = {
  413: 'payload_too_large',
  415: 'unsupported_media_type',
};

// What PostgreSQL says of a value itself: out of range, not a date, a text with a NUL or half a surrogate pair.
const UNSTORABLE_CODES = new Set(['22001', '22003', '22007', '22008', '22021', '22P02', '22P05']);

// From 500 on the client learns an id only: the message may name hosts, paths or SQL.
function hideServerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  const code = serverErrorCode(error);
  const errorId = randomUUID();
  const details = isResponseSerializationError(error) ? { issues: error.cause.issues } : {};
  request.log.error(
    { err: error, errorId, method: request.method, path: pathOf(request), ...details },
    'request failed',
  );
  const body = errorBody(code, ERROR_CODES[code].message);
  return reply.code(ERROR_CODES[code].status).send({ error: { ...body.error, errorId } });
}

function serverErrorCode(error: FastifyError): ErrorCode {
  if (error instanceof AppError) return error.code;
  return isUnavailable(error) ? 'unavailable' : 'internal';
}

// A database that is starting, stopping or gone: the same request will work in a moment.
const UNAVAILABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  '57P01',
  '57P02',
  '57P03',
  '08006',
]);

function isUnavailable(error: FastifyError): boolean {
  return (
    UNAVAILABLE_CODES.has(error.code) ||
    /connection terminated|timeout exceeded when trying/i.test(error.message)
  );
}

function errorBody(code: ErrorCode, message: string, details?: unknown): ErrorBody {
  const isEmpty = details === undefined || Object.keys(details as object).length === 0;
  return {
    error: {
      code,
      message,
      retryable: ERROR_CODES[code].retryable,
      ...(isEmpty ? {} : { details }),
    },
  };
}

// Queries may carry what a person typed; logs and messages name the path only.
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}
