import { parseConfig } from '@nexus/kit/config';
import { createLogger } from '@nexus/kit/logger';

import { createApp } from './app.ts';
import { configSchema } from './config.ts';

try {
  const config = parseConfig(configSchema, process.env);
  const logger = createLogger({ name: 'orchestrator', level: config.LOG_LEVEL });
  const app = await createApp(config, { logger });
  await app.listen({ host: config.HOST, port: config.PORT });
  const stop = () => void app.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  process.stderr.write(`orchestrator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
