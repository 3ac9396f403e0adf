/** `rgrid run hello.py` on a warm worker, and where its time goes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Execution } from '@nexus/grid/contract';

import { ms, printTable, printTargets, times, title } from './measuring/report.ts';
import { median, percentile } from './measuring/statistics.ts';
import { bubblewrapCommand, findPython, hasBubblewrap } from './peers/bubblewrap.ts';
import { dockerCommand, hasDocker } from './peers/docker.ts';
import {
  ROOT,
  runCommand,
  runRgrid,
  startPlatform,
  withFolder,
  type Platform,
} from './platform/platform.ts';

const ROUNDS = 40;
const WARM_UP = 3;

interface Contestant {
  name: string;
  run(): Promise<number>;
  wallMs: number[];
}

await withFolder(async (folder) => {
  const project = join(folder, 'project');
  await mkdir(project);
  await writeFile(join(project, 'hello.py'), 'print("hello")\n');
  const platform = await startPlatform(folder);
  try {
    title(`rgrid run hello.py on a warm worker, ${ROUNDS} rounds in turn`);
    await compare(platform, project);
  } finally {
    await platform.stop();
  }
});
process.exit();

async function compare(platform: Platform, project: string): Promise<void> {
  const steps = {
    beforeSubmit: [] as number[],
    toStart: [] as number[],
    running: [] as number[],
    afterEnd: [] as number[],
  };
  const ours: Contestant = {
    name: 'rgrid run hello.py',
    wallMs: [],
    run: async () => {
      const startedAt = Date.now();
      const { wallMs } = await runRgrid(platform, project, ['run', '--force', 'hello.py']);
      const endedAt = startedAt + wallMs;
      const { executions } = await platform.api.get<{ executions: Execution[] }>(
        '/executions?limit=1',
      );
      const at = timesOf(executions[0]);
      steps.beforeSubmit.push(at.created - startedAt);
      steps.toStart.push(at.started - at.created);
      steps.running.push(at.finished - at.started);
      steps.afterEnd.push(endedAt - at.finished);
      return wallMs;
    },
  };
  const contestants = [ours, ...listPeers(project)];
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    if (round === 0) for (const list of Object.values(steps)) list.length = 0;
    for (const contestant of contestants) {
      const wallMs = await contestant.run();
      if (round >= 0) contestant.wallMs.push(wallMs);
    }
  }
  printTable(
    ['way', 'median', 'p95', 'rgrid takes'],
    contestants.map(({ name, wallMs }) => [
      ...[name, ms(median(wallMs)), ms(percentile(wallMs, 95))],
      wallMs === ours.wallMs ? '' : times(median(ours.wallMs) / median(wallMs)),
    ]),
  );
  const rows: [string, number[]][] = [
    ['command line starts, reads the project, submits', steps.beforeSubmit],
    ['accepted, leased, laid out, process started', steps.toStart],
    ['runs, result collected and committed', steps.running],
    ['command line hears of it, prints, exits', steps.afterEnd],
  ];
  title('Where its time goes, by the clocks of the server and of this benchmark');
  printTable(
    ['step', 'median', 'p95'],
    rows.map(([name, values]) => [name, ms(median(values)), ms(percentile(values, 95))]),
  );
  const wall = median(ours.wallMs);
  const start = median(steps.toStart);
  printTargets([
    { what: 'wall in all', measured: ms(wall), target: '<= 250 ms', isMet: wall <= 250 },
    { what: 'accepted to started', measured: ms(start), target: '< 30 ms', isMet: start < 30 },
  ]);
}

function timesOf(execution: Execution | undefined): {
  created: number;
  started: number;
  finished: number;
} {
  if (!execution?.startedAt || !execution.finishedAt) throw new Error('the execution did not run');
  const at = (text: string) => new Date(text).getTime();
  return {
    created: at(execution.createdAt),
    started: at(execution.startedAt),
    finished: at(execution.finishedAt),
  };
}

function listPeers(project: string): Contestant[] {
  const python = findPython();
  const peer = (name: string, command: readonly string[]): Contestant => ({
    name,
    wallMs: [],
    run: async () => (await runCommand(command, project)).wallMs,
  });
  return [
    peer('python3 hello.py', [python, 'hello.py']),
    ...(hasBubblewrap()
      ? [peer('python3 hello.py in bubblewrap', bubblewrapCommand(project, [python, 'hello.py']))]
      : []),
    ...(hasDocker()
      ? [peer('docker run … python3 hello.py', dockerCommand(project, ['python3', 'hello.py']))]
      : []),
    peer('rgrid --version', [join(ROOT, 'bin/rgrid'), '--version']),
  ];
}
