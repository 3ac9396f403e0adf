import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const REPOSITORY = path.resolve(import.meta.dirname, '../..');
const CONFIGS = [
  'tsconfig.json',
  '.oxlintrc.json',
  '.oxfmtrc.json',
  'knip.json',
  '.dependency-cruiser.cjs',
  '.gitignore',
];

export type Files = Readonly<Record<string, string>>;

export interface PlantedWorkspace {
  readonly root: string;
  /** Adds or replaces files, runs `action`, and puts everything back as it was. */
  readonly withFiles: <T>(files: Files, action: () => Promise<T>) => Promise<T>;
  readonly remove: () => Promise<void>;
}

/** A small copy of this repository's shape, with its real configuration, in which all is well. */
export async function createPlantedWorkspace(): Promise<PlantedWorkspace> {
  const root = await realpath(await mkdtemp(path.join(os.tmpdir(), 'planted-')));
  for (const config of CONFIGS) await cp(path.join(REPOSITORY, config), path.join(root, config));
  const clean = cleanFiles();
  await writeFiles(root, clean);
  await linkDependencies(root);
  await copyChecks(root);
  return {
    root,
    withFiles: async (files, action) => {
      await writeFiles(root, files);
      try {
        return await action();
      } finally {
        for (const file of Object.keys(files)) await rm(path.join(root, file), { force: true });
        await writeFiles(root, clean);
      }
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

async function writeFiles(root: string, files: Files): Promise<void> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  }
}

/** The checks look at the repository they lie in, so they come along. */
async function copyChecks(root: string): Promise<void> {
  for (const file of ['scripts/check.ts', 'scripts/checks']) {
    await cp(path.join(REPOSITORY, file), path.join(root, file), {
      recursive: true,
      filter: (source) => !path.basename(source).startsWith('planted'),
    });
  }
}

/** The installed dependencies, but the planted workspaces in the place of our own. */
async function linkDependencies(root: string): Promise<void> {
  const installed = path.join(REPOSITORY, 'node_modules');
  const target = path.join(root, 'node_modules');
  await mkdir(path.join(target, '@nexus'), { recursive: true });
  for (const entry of await readdir(installed)) {
    if (entry === '@nexus' || entry === '.cache') continue;
    await symlink(path.join(installed, entry), path.join(target, entry));
  }
  for (const [folder, { name }] of Object.entries(WORKSPACES)) {
    await symlink(path.join(root, folder), path.join(target, '@nexus', name));
  }
}

interface Workspace {
  readonly name: string;
  readonly entry: string;
  readonly dependencies: readonly string[];
  readonly sources: Files;
}

const WORKSPACES: Readonly<Record<string, Workspace>> = {
  'packages/kit': {
    name: 'kit',
    entry: './src/index.ts',
    dependencies: [],
    sources: {
      'index.ts': `export { greet } from './greet.ts';\n`,
      'greet.ts': 'export function greet(name: string): string {\n  return `Hello ${name}`;\n}\n',
    },
  },
  'packages/db': {
    name: 'db',
    entry: './src/index.ts',
    dependencies: ['pg'],
    sources: {
      'index.ts': `import pg from 'pg';\n\nexport const createPool = (): pg.Pool => new pg.Pool();\n`,
    },
  },
  'packages/grid': {
    name: 'grid',
    entry: './src/index.ts',
    dependencies: ['zod'],
    sources: {
      'index.ts': `export const plan = (waiting: number): number => Math.ceil(waiting / 5);\n`,
      'contract/index.ts': `import { z } from 'zod';\n\nexport const executionSchema = z.object({ id: z.string() });\n`,
    },
  },
  'packages/assistant': {
    name: 'assistant',
    entry: './src/index.ts',
    dependencies: [],
    sources: { 'index.ts': `export const bubbleLimit = 4;\n` },
  },
  'packages/simulators': {
    name: 'simulators',
    entry: './src/index.ts',
    dependencies: [],
    sources: { 'index.ts': `export const simulatedPort = 9000;\n` },
  },
  'packages/testkit': {
    name: 'testkit',
    entry: './src/index.ts',
    dependencies: [],
    sources: { 'index.ts': `export const testName = 'test';\n` },
  },
  'apps/orchestrator': {
    name: 'orchestrator',
    entry: './src/app.ts',
    dependencies: ['@nexus/kit', '@nexus/db', '@nexus/grid'],
    sources: {
      'app.ts': `import { createPool } from '@nexus/db';
import { plan } from '@nexus/grid';
import { executionSchema } from '@nexus/grid/contract';
import { greet } from '@nexus/kit';

export function createApp(name: string): string {
  return [greet(name), createPool().totalCount + plan(7), executionSchema.parse({}).id].join(' ');
}
`,
      'main.ts': `import { createApp } from './app.ts';\n\nprocess.stdout.write(createApp(process.env['NAME'] ?? ''));\n`,
      'app.test.ts': `import { testName } from '@nexus/testkit';
import { expect, it } from 'vitest';
import { createApp } from './app.ts';

it('greets', () => {
  expect(createApp(testName)).toContain('Hello');
});
`,
    },
  },
  'apps/worker': {
    name: 'worker',
    entry: './src/app.ts',
    dependencies: ['@nexus/assistant'],
    sources: {
      'app.ts': `import { bubbleLimit } from '@nexus/assistant';\n\nexport const createWorker = (): number => bubbleLimit;\n`,
    },
  },
  'apps/nexus': {
    name: 'nexus',
    entry: './src/main.ts',
    dependencies: ['@nexus/orchestrator', '@nexus/simulators', '@nexus/worker'],
    sources: {
      'main.ts': `import { createApp } from '@nexus/orchestrator';
import { simulatedPort } from '@nexus/simulators';
import { createWorker } from '@nexus/worker';

process.stdout.write([createApp('all'), createWorker(), simulatedPort].join(' '));
`,
    },
  },
};

function cleanFiles(): Files {
  const files: Record<string, string> = {
    'README.md': '# Planted\n',
    'docs/glossary.md': '# Glossary\n',
    'package.json': json({
      name: 'planted',
      private: true,
      type: 'module',
      workspaces: ['apps/*', 'packages/*', 'bench', 'e2e'],
      devDependencies: { '@nexus/testkit': '0.1.0', vitest: '5.1.1', '@types/pg': '8.23.1' },
    }),
    'package-lock.json': json({ lockfileVersion: 3, packages: {} }),
  };
  for (const folder of ['bench', 'e2e']) {
    files[`${folder}/package.json`] = json({ name: `@nexus/${folder}`, type: 'module' });
  }
  for (const [folder, { name, entry, dependencies, sources }] of Object.entries(WORKSPACES)) {
    const contract = 'contract/index.ts' in sources ? './src/contract/index.ts' : undefined;
    files[`${folder}/package.json`] = json({
      name: `@nexus/${name}`,
      version: '0.1.0',
      type: 'module',
      exports: { '.': entry, './contract': contract },
      dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, '0.1.0'])),
    });
    for (const [file, text] of Object.entries(sources)) files[`${folder}/src/${file}`] = text;
  }
  return files;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
