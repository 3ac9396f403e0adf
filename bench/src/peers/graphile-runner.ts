/** graphile-worker's own runner as a process of its own: DATABASE_URL, then `local` for its local queue. */
import { Logger, run } from 'graphile-worker';

const CONCURRENCY = 24;
const hasLocalQueue = process.argv[2] === 'local';

const runner = await run({
  connectionString: process.env['DATABASE_URL'] ?? '',
  concurrency: CONCURRENCY,
  maxPoolSize: CONCURRENCY + 1,
  noHandleSignals: true,
  // A line for each job would be most of what is measured.
  logger: new Logger(() => () => undefined),
  taskList: { nothing: () => undefined },
  preset: { worker: hasLocalQueue ? { localQueue: { size: 500 }, completeJobBatchDelay: 0 } : {} },
});
process.once('SIGTERM', () => void runner.stop().finally(() => process.exit()));
