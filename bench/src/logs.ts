/** How long after a script printed a line `rgrid run` shows it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { ms, printTable, printTargets, title } from './measuring/report.ts';
import { median, percentile } from './measuring/statistics.ts';
import { findPython } from './peers/bubblewrap.ts';
import { ROOT, startPlatform, withFolder } from './platform/platform.ts';

const LINES = 200;
const SCRIPT = `import time
for _ in range(${LINES}):
    print(repr(time.time()), flush=True)
    time.sleep(0.1)
`;

await withFolder(async (folder) => {
  const project = join(folder, 'project');
  await mkdir(project);
  await writeFile(join(project, 'clock.py'), SCRIPT);
  const platform = await startPlatform(folder);
  try {
    title(`From a script's print to the client's screen, ${LINES} lines, one each 100 ms`);
    const env = { RGRID_API_URL: platform.url, RGRID_API_KEY: platform.apiKey };
    // At the same time, so that both see the same machine.
    const [ours, pipe] = await Promise.all([
      latencies([join(ROOT, 'bin/rgrid'), 'run', '--force', 'clock.py'], project, env),
      latencies([findPython(), 'clock.py'], project, {}),
    ]);
    const row = (name: string, values: readonly number[]) => [
      name,
      ms(median(values)),
      ms(percentile(values, 95)),
      ms(percentile(values, 100)),
    ];
    printTable(
      ['way', 'p50', 'p95', 'most'],
      [row('rgrid run clock.py', ours), row('python3 clock.py, a pipe', pipe)],
    );
    const slow = percentile(ours, 95);
    printTargets([
      { what: 'live output, p95', measured: ms(slow), target: '< 1 s', isMet: slow < 1000 },
    ]);
  } finally {
    await platform.stop();
  }
});
process.exit();

async function latencies(
  command: readonly string[],
  cwd: string,
  env: Record<string, string>,
): Promise<number[]> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  });
  const values: number[] = [];
  createInterface({ input: child.stdout }).on('line', (line) =>
    values.push(Date.now() - Number(line) * 1000),
  );
  await once(child, 'close');
  if (values.length !== LINES)
    throw new Error(`${program} showed ${values.length} of ${LINES} lines`);
  return values.map((value) => Math.max(0, value));
}
