import type { Database } from '@nexus/db';
import type { AccountView } from '@nexus/simulators/hetzner';

import { billByServer } from './bill.ts';
import type { WorkerLedger } from './virtual-worker.ts';

/** What a run ends with. All but `booksMoreMicros` and the first two are to be 0. */
export interface FinalCount {
  executions: number;
  servers: number;
  inCloud: number;
  inBooks: number;
  lost: number;
  double: number;
  /** By how much the books exceed the bill: hours that ended unseen, addresses that were never given. */
  booksMoreMicros: number;
  problems: string[];
}

interface ExecutionRow {
  id: string;
  state: string;
  timesLost: number;
  retriesUsed: number;
  attempts: Attempt[] | null;
}

interface Attempt {
  epoch: number;
  outcome: string;
  workerId: string;
  leasedAtMs: number;
  endedAtMs: number;
}

const TERMINAL = ['succeeded', 'failed', 'timed_out', 'out_of_memory', 'cancelled'];

export async function countAtEnd(
  database: Database,
  account: AccountView,
  ledger: WorkerLedger,
): Promise<FinalCount> {
  const rows = await database.query<ExecutionRow>(
    `select e.id, e.state, e.times_lost as "timesLost", e.retries_used as "retriesUsed",
       (select jsonb_agg(jsonb_build_object('epoch', epoch, 'outcome', outcome, 'workerId', worker_id,
          'leasedAtMs', extract(epoch from leased_at) * 1000, 'endedAtMs', extract(epoch from ended_at) * 1000))
        from attempts where execution_id = e.id) as attempts
     from executions e`,
  );
  const lost = rows.flatMap((row) => findLoss(row, ledger) ?? []);
  const double = rows.flatMap((row) => findDouble(row, ledger) ?? []);
  const money = await compareMoney(database, account);
  const inCloud = account.servers().map(({ name, status }) => `${name} is ${status}`);
  const inBooks = await database.query<{ name: string; state: string }>(
    "select name, state from servers where state <> 'gone'",
  );
  return {
    executions: rows.length,
    servers: account.bill().lines.filter(({ kind }) => kind === 'server').length,
    inCloud: inCloud.length,
    inBooks: inBooks.length,
    lost: lost.length,
    double: double.length,
    booksMoreMicros: money.booksMoreMicros,
    problems: [
      ...[...lost, ...double, ...money.problems, ...inCloud.map((one) => `in the cloud: ${one}`)],
      ...inBooks.map(({ name, state }) => `in the books: ${name} is ${state}`),
    ],
  };
}

function findLoss(row: ExecutionRow, ledger: WorkerLedger): string | undefined {
  if (!TERMINAL.includes(row.state)) return `${row.id} ended as ${row.state}`;
  const unexcused = (row.attempts ?? []).find(
    (attempt) => attempt.outcome === 'lost' && !isExcused(attempt, ledger),
  );
  return unexcused && `${row.id} lost its attempt ${unexcused.epoch}, and no fault had struck it`;
}

/** Whoever was away for a while may have lost what it was given before it could say that it is back. */
const BACK_MS = 200_000;

function isExcused(attempt: Attempt, { blows }: WorkerLedger): boolean {
  return blows.some(
    ({ workerId, fromMs, untilMs }) =>
      workerId === attempt.workerId &&
      attempt.endedAtMs >= fromMs &&
      attempt.leasedAtMs <= untilMs + BACK_MS,
  );
}

function findDouble(row: ExecutionRow, ledger: WorkerLedger): string | undefined {
  const attempts = row.attempts ?? [];
  const published = attempts.filter(({ outcome }) => outcome !== 'lost' && outcome !== 'released');
  if (published.length > 1 + row.retriesUsed) return `${row.id} was published too often`;
  const succeeded = published.filter(({ outcome }) => outcome === 'succeeded').length;
  if (succeeded > 1 || (row.state === 'succeeded' && succeeded !== 1))
    return `${row.id} is ${row.state} and succeeded ${succeeded} times`;
  const epochs = new Set(published.map(({ epoch }) => epoch));
  const strange = [...(ledger.published.get(row.id) ?? [])].find((epoch) => !epochs.has(epoch));
  if (strange === undefined) return undefined;
  return `${row.id}: a result of attempt ${strange} was accepted and is not there`;
}

/** Every server the cloud charges for is in the books, at no less than the cloud charges. */
async function compareMoney(
  database: Database,
  account: AccountView,
): Promise<{ booksMoreMicros: number; problems: string[] }> {
  const rows = await database.query<{ cloudId: number; micros: number }>(
    `select cloud_id as "cloudId", started_hours(created_at, coalesce(deleted_at, gone_at))
       * (price_micros_per_hour + ipv4_micros_per_hour) as micros
     from servers where cloud_id is not null`,
  );
  const books = new Map(rows.map(({ cloudId, micros }) => [cloudId, micros]));
  const problems: string[] = [];
  let booksMoreMicros = 0;
  for (const [id, micros] of billByServer(account)) {
    const booked = books.get(id);
    if (booked === undefined) problems.push(`server ${id} is billed and not in the books`);
    else if (booked < micros)
      problems.push(`server ${id} costs ${micros}, the books say ${booked}`);
    else booksMoreMicros += booked - micros;
  }
  return { booksMoreMicros, problems };
}
