/** 500 Python one-liners as one batch, beside xargs with bubblewrap and a loop of `docker run`. */
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { makeProfileFolder, printHotspots, printStatements } from './measuring/profile.ts';
import { PartMeter } from './measuring/part-meter.ts';
import { endedChildrenCpuMs } from './measuring/processes.ts';
import { ms, note, printTable, printTargets, times, title } from './measuring/report.ts';
import { median } from './measuring/statistics.ts';
import { bubblewrapCommand, findPython, hasBubblewrap } from './peers/bubblewrap.ts';
import { dockerCommand, hasDocker } from './peers/docker.ts';
import {
  ROOT,
  runCommand,
  runRgrid,
  startPlatform,
  startProfiledPlatform,
  withFolder,
  type Platform,
} from './platform/platform.ts';

const COUNT = 500;
const ROUNDS = 3;
const DOCKER_COUNT = 20;
const SCRIPT = 'import sys; print(sum(i * i for i in range(1000)), sys.argv[1])\n';
const isProfiling = process.argv.includes('--profile');

interface Contestant {
  name: string;
  /** Executions it really makes in a round. */
  count: number;
  run(): Promise<void>;
}

interface Measured {
  wallMs: number[];
  /** Of the processes it started itself. */
  cpuMs: number[];
}

await withFolder(async (folder) => {
  const project = join(folder, 'project');
  await mkdir(project);
  await writeFile(join(project, 'one.py'), SCRIPT);
  const profiles = await makeProfileFolder(folder, ['orchestrator', 'worker']);
  const platform = await (isProfiling
    ? startProfiledPlatform(folder, profiles)
    : startPlatform(folder));
  try {
    await compare(platform, project);
    if (platform.database) await printStatements(platform.database);
  } finally {
    await platform.stop();
  }
  if (isProfiling) await printHotspots(profiles, ROOT, ['orchestrator', 'worker']);
});
process.exit();

async function compare(platform: Platform, project: string): Promise<void> {
  title(`${COUNT} Python one-liners, two at a time, ${ROUNDS} rounds in turn, medians`);
  const contestants = listContestants(platform, project);
  await runBatch(platform, project, 20);
  const parts = new PartMeter(platform, COUNT);
  const results = new Map<string, Measured>(
    contestants.map(({ name }) => [name, { wallMs: [], cpuMs: [] }]),
  );
  for (let round = 0; round < (isProfiling ? 1 : ROUNDS); round += 1) {
    for (const contestant of contestants) {
      const isOurs = contestant.name === 'rgrid';
      const childrenBefore = endedChildrenCpuMs(process.pid);
      if (isOurs) parts.start();
      const startedAt = performance.now();
      await contestant.run();
      const scale = COUNT / contestant.count;
      results.get(contestant.name)?.wallMs.push((performance.now() - startedAt) * scale);
      if (isOurs) parts.stop();
      results
        .get(contestant.name)
        ?.cpuMs.push((endedChildrenCpuMs(process.pid) - childrenBefore) * scale);
    }
  }
  printResults(contestants, results);
  parts.print((results.get('rgrid')?.cpuMs ?? []).map((all) => all / COUNT));
}

async function runBatch(platform: Platform, project: string, count: number): Promise<void> {
  const ended = await runRgrid(platform, project, [
    'run',
    'one.py',
    '--force',
    '--batch',
    `{1..${count}}`,
  ]);
  const lines = countLines(ended.stdout);
  if (ended.exitCode !== 0 || lines !== count)
    throw new Error(`rgrid ended with ${ended.exitCode} and ${lines} lines`);
  await rm(join(project, 'outputs'), { recursive: true, force: true });
}

function listContestants(platform: Platform, project: string): Contestant[] {
  const command = [findPython(), 'one.py'];
  const contestants: Contestant[] = [
    { name: 'rgrid', count: COUNT, run: () => runBatch(platform, project, COUNT) },
  ];
  const add = (name: string, count: number, shell: string) =>
    contestants.push({ name, count, run: () => runShell(shell, project, count) });
  if (hasBubblewrap()) {
    const sandboxed = bubblewrapCommand(project, command).join(' ');
    add('xargs -P2 bwrap', COUNT, `seq ${COUNT} | xargs -P2 -I{} ${sandboxed} {}`);
    if (spawnSync('parallel', ['--version'], { stdio: 'ignore' }).status === 0) {
      add('parallel -j2 bwrap', COUNT, `seq ${COUNT} | parallel --will-cite -j2 ${sandboxed}`);
    }
  }
  if (hasDocker()) {
    const run = dockerCommand(project, ['python3', 'one.py']).join(' ');
    add('docker run, a loop', DOCKER_COUNT, `for i in $(seq ${DOCKER_COUNT}); do ${run} $i; done`);
  }
  return contestants;
}

/** Two scripts that print at once may share a line, never lose its end. */
function countLines(text: string): number {
  return text.split('\n').length - 1;
}

async function runShell(shell: string, cwd: string, count: number): Promise<void> {
  const ended = await runCommand(['sh', '-c', shell], cwd);
  const lines = countLines(ended.stdout);
  if (ended.exitCode !== 0 || lines !== count)
    throw new Error(`${shell.slice(0, 60)}: ${ended.exitCode}, ${lines} lines`);
}

function printResults(
  contestants: readonly Contestant[],
  results: ReadonlyMap<string, Measured>,
): void {
  const wallOf = (name: string) => median(results.get(name)?.wallMs ?? []);
  const ours = wallOf('rgrid');
  printTable(
    ['way', 'wall', 'each', 'rgrid takes'],
    contestants.map(({ name, count }) => [
      count === COUNT ? name : `${name} (${count} runs, scaled)`,
      ...[
        ms(wallOf(name)),
        ms(wallOf(name) / COUNT),
        name === 'rgrid' ? '' : times(ours / wallOf(name)),
      ],
    ]),
  );
  const xargs = wallOf('xargs -P2 bwrap');
  const docker = wallOf('docker run, a loop');
  printTargets([
    ...(xargs
      ? [
          {
            what: 'rgrid / xargs',
            measured: times(ours / xargs),
            target: '<= 1.2x',
            isMet: ours <= 1.2 * xargs,
          },
        ]
      : []),
    ...(docker
      ? [
          {
            what: 'docker loop / rgrid',
            measured: times(docker / ours),
            target: '>= 8x',
            isMet: docker >= 8 * ours,
          },
        ]
      : []),
  ]);
  if (xargs) {
    note(
      `xargs used ${(median(results.get('xargs -P2 bwrap')?.cpuMs ?? []) / COUNT).toFixed(1)} ms of CPU for each, Python and bubblewrap together.`,
    );
  }
}
