import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { z } from 'zod';

import { ServerBooks } from '@nexus/autoscaler/books';
import { configSchema } from '@nexus/autoscaler/config';
import { openDatabase, type Database } from '@nexus/db';
import { createHetznerClient, hasCode, HetznerError } from '@nexus/hetzner';
import { fingerprintOf } from '@nexus/hetzner/ssh-keys';
import { databaseUrlSchema, parseConfig } from '@nexus/kit/config';
import { errorMessage } from '@nexus/kit/errors';

import { readEnvFile } from '../daemon/env-file.ts';
import { homeAt } from '../home.ts';
import { Problem } from '../problem.ts';
import { runningDatabaseUrl } from '../up/running.ts';
import { collectGarbage, exitCodeOf, type GcDeps } from './collect-garbage.ts';
import type { Waste } from './find-waste.ts';
import { readBooks } from './read-books.ts';
import { microsAtStake, outcomeText, wasteText } from './report.ts';

interface GcOptions {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
  envFile?: string;
}

const { shape } = configSchema;

/** What of the daemon's configuration this needs. */
const gcConfigSchema = z.object({
  HETZNER_API_TOKEN: shape.HETZNER_API_TOKEN,
  HETZNER_ENDPOINT: shape.HETZNER_ENDPOINT,
  HETZNER_SSH_KEY_PATH: shape.HETZNER_SSH_KEY_PATH,
  HETZNER_IMAGE: z.string().optional(),
  GRID_NAME: shape.GRID_NAME,
  /** Without it, that of a platform on this machine; without either, less can be said. */
  DATABASE_URL: databaseUrlSchema.optional(),
});

type GcConfig = z.infer<typeof gcConfigSchema>;

const HELP = `
Looks through everything in the cloud project that carries the labels of this grid (GRID_NAME), compares it
with the books if the database can be reached, and names what bills or lies around without use. What does not
carry the labels is never touched. Neither the daemon nor the control plane has to run.

Exit codes: 0 nothing is without use, or all of it was deleted; 1 it could not be found out; 2 something is,
and was left; 3 something could not be deleted.
`;

/** `nexus gc`: what bills without use. */
export function addGcCommand(program: Command, environment: NodeJS.ProcessEnv): void {
  program
    .command('gc')
    .description('find what bills in the cloud without use, and delete it')
    .option('--dry-run', 'only tell')
    .option('--yes', 'delete without asking')
    .option('--json', 'print JSON; without --yes nothing is deleted')
    .option('--env-file <file>', 'read variables from this file, as the daemon does')
    .addHelpText('after', HELP)
    .action((options: GcOptions) => gc(options, environment));
}

async function gc(options: GcOptions, environment: NodeJS.ProcessEnv): Promise<void> {
  const fromFile = options.envFile === undefined ? {} : await readEnvFile(options.envFile);
  const given = { ...fromFile, ...environment };
  const config = parseConfig(gcConfigSchema, given);
  const { HETZNER_API_TOKEN: token, HETZNER_ENDPOINT: endpoint } = config;
  if (!token) throw new Problem('HETZNER_API_TOKEN is needed: that of the project to look through');
  const client = createHetznerClient({ token, ...(endpoint === undefined ? {} : { endpoint }) });
  const database = await openBooks(config, given);
  try {
    const books = await readOrTell(database);
    const judged = await collectGarbage(
      { client, books, now: () => new Date(), mayDelete: (wastes) => decide(wastes, options) },
      {
        gridName: config.GRID_NAME,
        imageId: /^\d+$/.test(config.HETZNER_IMAGE ?? '') ? Number(config.HETZNER_IMAGE) : null,
        keyFingerprint: await readFingerprint(config.HETZNER_SSH_KEY_PATH),
      },
    ).catch(explain);
    const atStake = { microsPerMonth: microsAtStake(judged), waste: judged };
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ areBooksRead: books !== null, ...atStake })}\n`
        : outcomeText(judged),
    );
    process.exitCode = exitCodeOf(judged);
  } finally {
    await database?.close();
  }
}

async function openBooks(config: GcConfig, given: NodeJS.ProcessEnv): Promise<Database | null> {
  const url = config.DATABASE_URL ?? (await runningDatabaseUrl(homeAt(given)));
  return url === undefined ? null : openDatabase({ url, maxConnections: 1 });
}

/** Null, and a word of it, if they cannot be read. */
async function readOrTell(database: Database | null): Promise<GcDeps['books']> {
  const tell = (why: string) => {
    process.stderr.write(`nexus: the books cannot be read (${why}): less can be said\n`);
    return null;
  };
  if (!database) return tell('DATABASE_URL is not set');
  try {
    return { seen: await readBooks(database), writer: new ServerBooks(database) };
  } catch (error) {
    return tell(errorMessage(error));
  }
}

async function readFingerprint(keyPath: string | undefined): Promise<string | null> {
  if (keyPath === undefined) return null;
  const publicKey = await readFile(`${keyPath}.pub`, 'utf8').catch(() => '');
  return fingerprintOf(publicKey) ?? null;
}

async function decide(
  wastes: readonly Waste[],
  { dryRun, yes, json }: GcOptions,
): Promise<boolean> {
  if (!json) process.stdout.write(wasteText(wastes));
  const count = wastes.filter(({ isDeletable }) => isDeletable).length;
  if (dryRun || count === 0) return false;
  if (yes) return true;
  if (json || !process.stdin.isTTY) {
    process.stderr.write('nexus: nothing is deleted without --yes, or somebody to ask\n');
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Delete ${count === 1 ? 'it' : `these ${count}`}? [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

function explain(error: unknown): never {
  if (hasCode(error, 'unauthorized'))
    throw new Problem('unauthorized: the Hetzner API refuses HETZNER_API_TOKEN', { cause: error });
  if (error instanceof HetznerError) throw new Problem(error.message, { cause: error });
  throw error;
}
