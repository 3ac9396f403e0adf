import type { Command } from 'commander';

import { createApp } from '@nexus/autoscaler';
import { readConfig } from '@nexus/autoscaler/config';
import { createLogger } from '@nexus/kit/logger';

import { Problem } from '../problem.ts';
import { readEnvFile } from './env-file.ts';

export function addDaemonCommand(program: Command, environment: NodeJS.ProcessEnv): void {
  program
    .command('daemon')
    .description('make and delete Hetzner servers by what waits (the orchestrator daemon)')
    .option('--env-file <file>', 'read variables from this file; those of the environment go first')
    .addHelpText(
      'after',
      '\nEvery variable is explained in .env.example, what to do when something fails in docs/runbook.md.\n',
    )
    .action(({ envFile }: { envFile?: string }) => runDaemon(environment, envFile));
}

async function runDaemon(environment: NodeJS.ProcessEnv, envFile?: string): Promise<void> {
  const fromFile = envFile === undefined ? {} : await readEnvFile(envFile);
  const config = readConfig({ ...fromFile, ...environment });
  const logger = createLogger({ name: 'autoscaler', level: config.LOG_LEVEL });
  const app = createApp(config, { logger });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => app.stop());
  await app.ended.catch((error: unknown) => {
    throw error instanceof Error ? new Problem(error.message, { cause: error }) : error;
  });
  process.exit();
}
