import { createLogger } from '@nexus/kit/logger';

import { createApp } from './app.ts';
import { readConfig } from './config.ts';

try {
  const config = readConfig(process.env);
  const logger = createLogger({ name: 'autoscaler', level: config.LOG_LEVEL });
  const app = createApp(config, { logger });
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => app.stop());
  await app.ended;
  process.exit(0);
} catch (error) {
  process.stderr.write(`autoscaler: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
