/** 10,000 executions in one POST /batches: one call, one transaction. */
import { ms, printTable, printTargets, times, title } from './measuring/report.ts';
import { median } from './measuring/statistics.ts';
import { startControlPlane, startDatabaseServer } from './platform/control-plane.ts';
import { withFolder } from './platform/platform.ts';
import { submitJob, uploadScript } from './platform/submission.ts';

const COUNT = 10_000;
const ROUNDS = 7;
const SCRIPT = 'print(1)\n';

await withFolder(async (folder) => {
  const cluster = await startDatabaseServer(folder, { isProfiling: false });
  const plane = await startControlPlane(cluster, { folder, name: 'submit' });
  try {
    title(`Submit ${COUNT} executions in one call, ${ROUNDS} rounds, medians`);
    const user = await plane.openUser('ana');
    await uploadScript(user, SCRIPT);
    await plane.database.query('create table bare (id text primary key, args jsonb, n integer)');
    const args = Array.from({ length: COUNT }, (_, index) => [String(index)]);
    const ours: number[] = [];
    const bare: number[] = [];
    // The first finds cold caches; it is shown by itself.
    const first = await timed(() => submitJob(user, { script: 'one.py', text: SCRIPT, args }));
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(await timed(() => submitJob(user, { script: 'one.py', text: SCRIPT, args })));
      bare.push(
        await timed(() =>
          plane.database.query(
            `insert into bare select $1 || n, jsonb_build_array(n::text), n from generate_series(1, $2) n`,
            [`${round}-`, COUNT],
          ),
        ),
      );
    }
    const rows = await plane.database.query<{ executions: number; transactions: number }>(
      `select count(*) as executions, count(distinct xmin::text) as transactions from executions`,
    );
    printTable(
      ['way', 'wall', 'rgrid takes'],
      [
        ['rgrid, POST /batches', ms(median(ours)), ''],
        ['rgrid, the first call', ms(first), ''],
        [
          'bare insert of as many rows, one index',
          ms(median(bare)),
          times(median(ours) / median(bare)),
        ],
      ],
    );
    const { executions = 0, transactions = 0 } = rows[0] ?? {};
    const isWhole = executions === COUNT * (ROUNDS + 1) && transactions === ROUNDS + 1;
    printTargets([
      {
        what: `submit ${COUNT}`,
        measured: ms(median(ours)),
        target: '< 1 s',
        isMet: median(ours) < 1000,
      },
      {
        what: 'transactions for each call',
        measured: String(transactions / (ROUNDS + 1)),
        target: '1',
        isMet: isWhole,
      },
    ]);
  } finally {
    await plane.stop();
    await cluster.stop();
  }
});
process.exit();

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
