/** Memory of the idle platform, and how long the command line takes to start. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { commandLine, memoryOf, processTree } from './measuring/processes.ts';
import { ms, note, printTable, printTargets, times, title } from './measuring/report.ts';
import { median } from './measuring/statistics.ts';
import { findPython } from './peers/bubblewrap.ts';
import { ROOT, runCommand, startPlatform, withFolder, type Platform } from './platform/platform.ts';

const SETTLE_MS = 15_000;
const STARTS = 25;
const MEGABYTE = 1e6;

await withFolder(async (folder) => {
  const platform = await startPlatform(folder, ['npm', 'start', '--']);
  try {
    title(`Memory of the platform, idle for ${SETTLE_MS / 1000} s, started with npm start`);
    await sleep(SETTLE_MS);
    printMemory(platform);
  } finally {
    await platform.stop();
  }
});
title(`Start of the command line, ${STARTS} rounds in turn, medians`);
await printStarts();
process.exit();

function printMemory(platform: Platform): void {
  const totals = new Map<string, { count: number; pss: number; rss: number }>();
  const postgres = new Set(processTree(platform.postgresPid));
  for (const pid of processTree(platform.pid)) {
    const part = partOf(platform, postgres, pid);
    const { pssBytes, rssBytes } = memoryOf(pid);
    const total = totals.get(part) ?? { count: 0, pss: 0, rss: 0 };
    totals.set(part, {
      count: total.count + 1,
      pss: total.pss + pssBytes,
      rss: total.rss + rssBytes,
    });
  }
  const all = [...totals.values()].reduce((sum, one) => ({
    count: sum.count + one.count,
    pss: sum.pss + one.pss,
    rss: sum.rss + one.rss,
  }));
  const row = (name: string, { count, pss, rss }: typeof all) => [
    name,
    String(count),
    megabytes(pss),
    megabytes(rss),
  ];
  printTable(
    ['part', 'processes', 'PSS', 'RSS'],
    [...[...totals].map(([name, total]) => row(name, total)), row('in all', all)],
  );
  note(
    'PSS counts a page that n processes share as 1/n in each, so it can be summed; the sum of RSS counts it n times.',
  );
  console.log('');
  printTargets([
    {
      what: 'resident in all (PSS)',
      measured: megabytes(all.pss),
      target: '< 400 MB',
      isMet: all.pss < 400 * MEGABYTE,
    },
  ]);
}

function partOf(platform: Platform, postgres: ReadonlySet<number>, pid: number): string {
  if (pid === platform.orchestratorPid) return 'orchestrator (nexus up)';
  if (postgres.has(pid)) return 'postgres';
  if (processTree(platform.workerPid).includes(pid)) return 'worker';
  return /npm/.test(commandLine(pid)) ? 'npm start' : 'shells';
}

function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(0)} MB`;
}

async function printStarts(): Promise<void> {
  const rgrid = join(ROOT, 'bin/rgrid');
  const commands: [string, string[]][] = [
    ['rgrid --version', [rgrid, '--version']],
    ['rgrid run --help', [rgrid, 'run', '--help']],
    ['node -e 0', [process.execPath, '-e', '0']],
    ["python3 -c ''", [findPython(), '-c', '']],
  ];
  const walls = commands.map((): number[] => []);
  for (let round = -1; round < STARTS; round += 1) {
    for (const [index, [, command]] of commands.entries()) {
      const { wallMs } = await runCommand(command, ROOT);
      // The first fills the compile cache.
      if (round >= 0) walls[index]?.push(wallMs);
    }
  }
  const medians = walls.map(median);
  const node = medians[2] ?? 0;
  printTable(
    ['command', 'median', 'to node'],
    commands.map(([name], index) => [
      name,
      ms(medians[index] ?? 0),
      times((medians[index] ?? 0) / node),
    ]),
  );
  printTargets(
    commands.slice(0, 2).map(([name], index) => {
      const measured = medians[index] ?? 0;
      return { what: name, measured: ms(measured), target: '< 120 ms', isMet: measured < 120 };
    }),
  );
}
