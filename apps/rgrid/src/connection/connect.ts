import type { RetryPolicy } from '@nexus/kit/retry';

import { ApiError, ConnectionProblem } from '../api/failures.ts';
import { GridApi } from '../api/grid-api.ts';
import {
  FOLLOW_RETRIES,
  LOCAL_RETRIES,
  READ_RETRIES,
  REQUEST_RETRIES,
} from '../api/retry-requests.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { Problem } from '../problem.ts';
import { formatDuration } from '../terminal/text.ts';
import { findPlatform, type Platform } from './find-platform.ts';

type Use<T> = (api: GridApi, platform: Platform) => Promise<T>;

/** Calls `use` with the platform that the flags and settings name, and hangs up afterwards. */
export async function withPlatform<T>(
  context: Context,
  profile: string | undefined,
  use: Use<T>,
): Promise<T> {
  const platform = findPlatform({ env: context.env, home: context.home, profile });
  const policy = platform.isLocal ? LOCAL_RETRIES : REQUEST_RETRIES;
  return talkTo({ context, platform, policy }, use);
}

/** The same for a verb that only looks: it soon says that nothing answers. */
export async function readPlatform<T>(
  context: Context,
  profile: string | undefined,
  use: Use<T>,
): Promise<T> {
  const platform = findPlatform({ env: context.env, home: context.home, profile });
  return talkTo({ context, platform, policy: READ_RETRIES }, use);
}

interface Talk {
  context: Context;
  platform: Platform;
  policy: RetryPolicy;
}

async function talkTo<T>({ context, platform, policy }: Talk, use: Use<T>): Promise<T> {
  const api = new GridApi({
    apiUrl: platform.apiUrl,
    apiKey: platform.apiKey,
    policy: context.retries ?? policy,
    followPolicy: context.retries ?? FOLLOW_RETRIES,
    onRetry: (error, delayMs) => void context.stderr.line(retryNotice(error, delayMs)),
  });
  try {
    return await use(api, platform);
  } catch (error) {
    throw explain(error, platform);
  } finally {
    api.close();
  }
}

function retryNotice(error: unknown, delayMs: number): string {
  const message = error instanceof Error ? error.message : String(error);
  return `rgrid: ${message}; trying again in ${formatDuration(delayMs)}`;
}

/** Adds what only the place that knows the platform can say: whose key it was, how to start it. */
function explain(error: unknown, platform: Platform): unknown {
  if (error instanceof ApiError && error.code === 'unauthorized') {
    return new Problem(`${error.message} (${platform.origin}): run \`rgrid init\``, EXIT.platform, {
      cause: error,
    });
  }
  if (error instanceof ConnectionProblem && platform.isLocal) {
    return new Problem(`${error.message}: start it with \`npm start\``, EXIT.platform, {
      cause: error,
    });
  }
  if (error instanceof ConnectionProblem) {
    return new Problem(`${error.message} (${platform.origin})`, EXIT.platform, { cause: error });
  }
  return error;
}
