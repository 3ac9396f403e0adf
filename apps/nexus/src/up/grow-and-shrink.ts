import { setTimeout as sleep } from 'node:timers/promises';

import type { Database } from '@nexus/db';

import type { Cloud } from './cloud.ts';
import { runExample, type ExampleOptions } from './first-job.ts';
import type { Screen } from './screen.ts';

const ROLLS = '{1..20}';
const MINUTE_MS = 60_000;
const LOOK_MS = 200;
/** For servers to go; what is left then goes with the platform. */
const SHRINK_MS = 20_000;

interface ServerRow {
  name: string;
  state: string;
  serverType: string;
  location: string;
  hourlyMicros: number;
  bootSeconds: number | null;
}

/**
 * The second guided job: more work than this machine should be left alone with. Shows servers coming,
 * and going again when the hour that is paid for ends. Returns the exit code of the job.
 */
export async function growAndShrink(
  options: Omit<ExampleOptions, 'example' | 'command'>,
  { cloud, database }: { cloud: Cloud; database: Database },
): Promise<number> {
  const { screen, signal } = options;
  screen.title('A second job: more than this machine can do soon, so the grid grows');
  screen.line(
    screen.dim('  in a simulated Hetzner account; with a token of yours it is a real one'),
  );
  const watching = new AbortController();
  const told = new Map<string, string>();
  const shown = showServers(database, { screen, told }, watching.signal);
  const command = ['run', '--force', 'roll.py', '--batch', ROLLS];
  const exitCode = await runExample({ ...options, example: 'dice', command });
  watching.abort();
  await shown;
  if (signal.aborted || exitCode !== 0) return exitCode;
  await shrink({ cloud, database, screen, told, signal });
  return exitCode;
}

/** A line for everything that happens to a server, between those of the job. */
async function showServers(
  database: Database,
  { screen, told }: { screen: Screen; told: Map<string, string> },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const server of await listServers(database)) {
      if (told.get(server.name) === server.state) continue;
      told.set(server.name, server.state);
      const said = describe(server);
      if (said !== undefined) screen.line(screen.dim(`  ${server.name}  ${said}`));
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

function describe(server: ServerRow): string | undefined {
  switch (server.state) {
    case 'booting':
      return `ordered: ${server.serverType} in ${server.location}, ${euros(server.hourlyMicros)} for each started hour`;
    case 'active':
      return `up ${server.bootSeconds?.toFixed(1) ?? '?'} s after it was ordered, its worker has joined`;
    case 'gone':
      return 'deleted';
    default:
      return undefined;
  }
}

async function shrink(parts: {
  cloud: Cloud;
  database: Database;
  screen: Screen;
  /** The state of each server that was told last. */
  told: Map<string, string>;
  signal: AbortSignal;
}): Promise<void> {
  const { cloud, database, screen, told, signal } = parts;
  const { simulator } = cloud;
  const count = simulator?.account.servers().length ?? 0;
  if (!simulator || count === 0) return;
  screen.line('');
  const who = count === 1 ? 'The server is' : `The ${count} servers are`;
  screen.line(`  ${who} idle now, and paid for to the end of an hour: until then work could come.`);
  screen.line('  The simulated clock is put forward to minute 58:');
  cloud.skip(58 * MINUTE_MS + 30_000 - oldestAgeMs(simulator));
  const watching = AbortSignal.any([signal, AbortSignal.timeout(SHRINK_MS)]);
  const done = new AbortController();
  const ending = AbortSignal.any([watching, done.signal]);
  const shown = showServers(database, { screen, told }, ending);
  while (!watching.aborted && (await countLiving(database)) > 0) await sleep(LOOK_MS);
  await sleep(LOOK_MS * 2);
  done.abort();
  await shown;
  const bill = simulator.account.bill();
  screen.line(`  The bill of the account: ${euros(bill.totalMicros)}`);
  screen.line('');
}

function oldestAgeMs(simulator: NonNullable<Cloud['simulator']>): number {
  const now = simulator.clock.now();
  return Math.max(...simulator.account.servers().map((server) => now - server.createdAt));
}

function listServers(database: Database): Promise<ServerRow[]> {
  return database.query<ServerRow>(
    `select name, state, server_type as "serverType", location,
       price_micros_per_hour + ipv4_micros_per_hour as "hourlyMicros",
       extract(epoch from active_at - intended_at)::float8 as "bootSeconds"
     from servers where intended_at > now() - interval '10 minutes' order by intended_at`,
  );
}

async function countLiving(database: Database): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    "select count(*) from servers where state <> 'gone'",
  );
  return row?.count ?? 0;
}

function euros(micros: number): string {
  return `€${(micros / 1e6).toFixed(4)}`;
}
