import { parseConfig } from '@nexus/kit/config';
import { createLogger } from '@nexus/kit/logger';

import { createApp } from './app.ts';
import { configSchema } from './config.ts';

try {
  const config = parseConfig(configSchema, process.env);
  const logger = createLogger({ name: 'worker', level: config.LOG_LEVEL });
  const app = await createApp(config, { logger, environment: process.env });
  process.once('SIGINT', () => app.stop());
  process.once('SIGTERM', () => {
    app.drain();
    process.once('SIGTERM', () => app.stop());
    setTimeout(() => app.stop(), config.WORKER_DRAIN_SECONDS * 1000).unref();
  });
  if (config.WORKER_STOP_ON_EOF) process.stdin.on('end', () => app.stop()).on('error', () => app.stop()).resume();
  await app.ended;
  process.exit(0);
} catch (error) {
  process.stderr.write(`worker: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
