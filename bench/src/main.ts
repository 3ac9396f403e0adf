/** `npm run bench -- NAME …` runs benchmarks one after the other; without a name it lists them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const BENCHMARKS: Readonly<Record<string, string>> = {
  'one-liners': '500 Python one-liners as one batch, beside xargs with bubblewrap and docker run',
  hello: '`rgrid run hello.py` on a warm worker, and where its time goes',
  submit: '10,000 executions in one call',
  queue: 'lease and complete through the HTTP API, beside graphile-worker',
  idle: 'memory of the idle platform, start of the command line',
  blob: 'a large file up and down (--gb=N, --full for 5 GB)',
  'first-start': 'from the first queued execution to its start on a rented server',
  autoscaler: 'cost and waits of the scaling planner, beside its peers and a lower bound',
  logs: "from a script's print to the client's screen",
};

const names = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const flags = process.argv.slice(2).filter((word) => word.startsWith('-'));
const unknown = names.filter((name) => name !== 'all' && !Object.hasOwn(BENCHMARKS, name));
if (names.length === 0 || unknown.length > 0) {
  for (const name of unknown) console.error(`there is no benchmark ${name}`);
  console.log('npm run bench -- NAME…, or all\n');
  for (const [name, text] of Object.entries(BENCHMARKS))
    console.log(`  ${name.padEnd(12)} ${text}`);
  process.exit(unknown.length > 0 ? 1 : 0);
}
for (const name of names.includes('all') ? Object.keys(BENCHMARKS) : names) {
  const path = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path, ...flags], {
    stdio: 'inherit',
  });
  await once(child, 'exit');
  if (child.exitCode !== 0) process.exitCode = 1;
}
