import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Database } from '@nexus/db';

import { listHotspots } from './cpu-profile.ts';
import { note, printTable, title } from './report.ts';

const SHOWN = 25;

/** The statements that cost Postgres most, since the last reset. Needs pg_stat_statements in the database. */
export async function printStatements(database: Database): Promise<void> {
  const rows = await database.query<{
    calls: number;
    ms: number;
    mean: number;
    plan: number;
    rows: number;
    wal: number;
    text: string;
  }>(
    `select calls, total_exec_time as ms, mean_exec_time as mean, total_plan_time as plan, rows, wal_bytes::float8 as wal,
       left(regexp_replace(query, '\\s+', ' ', 'g'), 90) as text
     from pg_stat_statements s join pg_database d on d.oid = s.dbid and d.datname = current_database()
     order by total_exec_time + total_plan_time desc limit 12`,
  );
  title('Postgres: statements by time (waiting for locks counts as time)');
  printTable(
    ['statement', 'calls', 'ms', 'mean ms', 'planning ms', 'rows', 'WAL kB'],
    rows.map((row) => [
      row.text,
      ...[
        row.calls,
        Math.round(row.ms),
        row.mean.toFixed(2),
        Math.round(row.plan),
        row.rows,
        Math.round(row.wal / 1000),
      ].map(String),
    ]),
  );
}

/** Self time by function of the processes that left profiles in the folders below `profileFolder`. */
export async function printHotspots(
  profileFolder: string,
  root: string,
  parts: readonly string[],
): Promise<void> {
  for (const part of parts) {
    const spots = await listHotspots(join(profileFolder, part), root);
    const busyMs = spots
      .filter(({ name }) => name !== '(idle)')
      .reduce((sum, { selfMs }) => sum + selfMs, 0);
    title(`${part}: self time by function, ${Math.round(busyMs)} ms busy`);
    for (const { name, selfMs } of spots.filter((spot) => spot.name !== '(idle)').slice(0, SHOWN)) {
      note(
        `${selfMs.toFixed(0).padStart(7)} ms ${((selfMs / busyMs) * 100).toFixed(1).padStart(5)} %  ${name}`,
      );
    }
  }
}

export async function makeProfileFolder(folder: string, parts: readonly string[]): Promise<string> {
  for (const part of parts) await mkdir(join(folder, 'profiles', part), { recursive: true });
  return join(folder, 'profiles');
}
