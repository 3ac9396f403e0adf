import type { Command } from 'commander';

import { readEnvFile } from '../daemon/env-file.ts';
import { withDatabase } from '../database.ts';
import { fleetText } from './fleet-text.ts';
import { readFleet } from './read-fleet.ts';

interface ServersOptions {
  all?: boolean;
  json?: boolean;
  envFile?: string;
}

/** `nexus servers`: the rented servers as the books have them. */
export function addServersCommand(program: Command, environment: NodeJS.ProcessEnv): void {
  program
    .command('servers')
    .description('show the rented servers, how they came up, and what the daemon said last')
    .option('--all', 'also those that are gone')
    .option('--json', 'print JSON')
    .option('--env-file <file>', 'read DATABASE_URL from this file')
    .action((options: ServersOptions) => printServers(options, environment));
}

async function printServers(
  { all = false, json = false, envFile }: ServersOptions,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const fromFile = envFile === undefined ? {} : await readEnvFile(envFile);
  await withDatabase({ ...fromFile, ...environment }, async (database) => {
    const now = new Date();
    const fleet = await readFleet(database, { isAll: all, now });
    process.stdout.write(json ? `${JSON.stringify(fleet)}\n` : fleetText(fleet, now));
  });
}
