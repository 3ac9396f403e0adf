import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Home } from '../home.ts';
import type { Screen } from './screen.ts';

export interface ExampleOptions {
  home: Home;
  environment: NodeJS.ProcessEnv;
  screen: Screen;
  signal: AbortSignal;
  /** A folder of `examples/`. */
  example: string;
  /** What follows `rgrid`. */
  command: readonly string[];
}

export type FirstJobOptions = Omit<ExampleOptions, 'example' | 'command'>;

const EXAMPLE = 'word-count';
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const COMMAND = ['run', '--force', 'count_words.py', '--batch', 'texts/*.txt'];

/** The first guided job, and what came back from it. Returns its exit code. */
export async function runFirstJob(options: FirstJobOptions): Promise<number> {
  const { home, screen } = options;
  screen.title('A first job: count the words of four texts, each in a sandbox of its own');
  const exitCode = await runExample({ ...options, example: EXAMPLE, command: COMMAND });
  if (exitCode === 0) await showOutputs(join(home.examples, EXAMPLE), screen);
  return exitCode;
}

/** Runs an example through the grid as a user would, with the real command. Returns its exit code. */
export async function runExample(options: ExampleOptions): Promise<number> {
  const { home, environment, screen, signal, example, command } = options;
  const folder = join(home.examples, example);
  await mkdir(folder, { recursive: true });
  // A copy: results are written beside the script, and the repository stays clean.
  await cp(join(ROOT, 'examples', example), folder, { recursive: true });
  screen.line(screen.dim(`  in ${folder}`));
  screen.line(
    `  $ rgrid ${command
      .filter((word) => word !== '--force')
      .map(quote)
      .join(' ')}`,
  );
  screen.line('');
  const child = spawn(join(ROOT, 'bin', 'rgrid'), [...command], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...environment,
      NEXUS_HOME: home.folder,
      RGRID_PROFILE: undefined,
      RGRID_API_URL: undefined,
      RGRID_API_KEY: undefined,
    },
  });
  signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
  await once(child, 'close');
  screen.line('');
  return child.exitCode ?? 1;
}

function quote(word: string): string {
  return word.includes('*') ? `'${word}'` : word;
}

async function showOutputs(folder: string, screen: Screen): Promise<void> {
  const outputs = join(folder, 'outputs');
  const names = (await readdir(outputs, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  screen.line('  What came back:');
  for (const entry of names.toSorted((a, b) => (a.parentPath < b.parentPath ? -1 : 1))) {
    const path = join(entry.parentPath, entry.name);
    const [first = ''] = (await readFile(path, 'utf8')).split('\n');
    screen.line(`    ${relative(folder, path).padEnd(38)}${screen.dim(first.slice(0, 60))}`);
  }
  screen.line('');
}
