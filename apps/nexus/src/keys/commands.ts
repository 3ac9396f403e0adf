import type { Command } from 'commander';

import type { Database } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';
import { createKey, listKeys, revokeKey } from '@nexus/orchestrator/accounts';

import { withDatabase } from '../database.ts';
import { Problem } from '../problem.ts';
import { keyTable } from './key-table.ts';
import { LOCAL_ACCOUNT } from './local-key.ts';

/** `nexus key create|list|revoke`: API keys, made and withdrawn by whoever can reach the database. */
export function addKeyCommands(program: Command, environment: NodeJS.ProcessEnv): void {
  const key = program.command('key').description('make, list and revoke API keys');
  key
    .command('create <name>')
    .description('make a key; it is printed once and never again')
    .option('--account <account>', 'whose key it is; accounts cannot see each other', LOCAL_ACCOUNT)
    .option('--json', 'print JSON')
    .action((name: string, options: { account: string; json?: boolean }) =>
      withDatabase(environment, async (database) => {
        const text = await createKey(database, { account: options.account, name }).catch(explain);
        const shown = options.json
          ? JSON.stringify({ name, account: options.account, key: text })
          : text;
        process.stdout.write(`${shown}\n`);
      }),
    );
  key
    .command('list')
    .description('list keys; never their secrets')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) =>
      withDatabase(environment, (database) => printKeys(database, options.json)),
    );
  key
    .command('revoke <name>')
    .description('stop a key from working, for good')
    .option('--account <account>', 'whose key it is', LOCAL_ACCOUNT)
    .action((name: string, options: { account: string }) =>
      withDatabase(environment, async (database) => {
        if (!(await revokeKey(database, { account: options.account, name }))) {
          throw new Problem(`account ${options.account} has no key named ${name}`);
        }
        process.stderr.write(`key ${name} of account ${options.account} no longer works\n`);
      }),
    );
}

async function printKeys(database: Database, isJson: boolean | undefined): Promise<void> {
  const keys = await listKeys(database);
  process.stdout.write(isJson ? `${JSON.stringify({ keys })}\n` : keyTable(keys));
}

function explain(error: unknown): never {
  if (error instanceof AppError) throw new Problem(error.message, { cause: error });
  throw error;
}
