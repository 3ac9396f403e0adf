import { parseConfig } from '@nexus/kit/config';
import { createLogger } from '@nexus/kit/logger';

import { createApp } from './app.ts';
import { configSchema } from './config.ts';

/** From being told to stop to leaving without having given everything back. */
const LAST_WORDS_MS = 10_000;

try {
  const config = parseConfig(configSchema, process.env);
  const logger = createLogger({ name: 'worker', level: config.LOG_LEVEL });
  const app = await createApp(config, { logger, environment: process.env });
  const stop = () => {
    app.stop();
    // The control plane may be away for good: it will find out by itself that this worker is gone.
    setTimeout(() => process.exit(1), LAST_WORDS_MS).unref();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', () => {
    app.drain();
    process.once('SIGTERM', stop);
    setTimeout(stop, config.WORKER_DRAIN_SECONDS * 1000).unref();
  });
  if (config.WORKER_STOP_ON_EOF) process.stdin.on('end', stop).on('error', stop).resume();
  await app.ended;
  process.exit(0);
} catch (error) {
  process.stderr.write(`worker: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
