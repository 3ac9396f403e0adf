import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_CHECKS } from './all.ts';
import { createPlantedWorkspace, type Files, type PlantedWorkspace } from './planted-workspace.ts';
import { runTool } from './tool.ts';

/** A violation and the words by which its check has to name it. */
type Violation = readonly [rule: string, files: Files];

/** Checks that are a program of somebody else: what counts is its exit code. */
const TOOLS = new Set(['format', 'lint', 'types', 'boundaries', 'dead-code']);

let workspace: PlantedWorkspace;

beforeAll(async () => {
  workspace = await createPlantedWorkspace();
});

afterAll(async () => {
  await workspace.remove();
});

async function findProblems(checkName: string, files: Files = {}): Promise<string> {
  const check = ALL_CHECKS.find(({ name }) => name === checkName);
  if (check === undefined) throw new Error(`no check is called ${checkName}`);
  const problems = await workspace.withFiles(files, () => check.run(workspace.root));
  return problems.join('\n');
}

function describeCheck(checkName: string, violations: readonly Violation[]): void {
  describe(checkName, () => {
    it('finds nothing where nothing is wrong', async () => {
      expect(await findProblems(checkName)).toBe('');
    });

    it.each(violations)('finds a planted violation of %s', async (rule, files) => {
      const problems = await findProblems(checkName, files);
      expect(problems).toContain(rule);
      if (TOOLS.has(checkName)) expect(problems).toMatch(/exited [1-9]/);
    });
  });
}

/** Makes a file a module and breaks nothing. */
const FINE = `process.stdout.write('fine');\n`;
const IN_GRID = 'packages/grid/src/planted.ts';
const IN_KIT = 'packages/kit/src/planted.ts';
const IN_WORKER = 'apps/worker/src/planted.ts';
const IN_CONTRACT = 'packages/grid/src/contract/planted.ts';

describeCheck('format', [[IN_KIT, { [IN_KIT]: 'export const  a = "double"\n' }]]);

describeCheck('lint', [
  [
    'typescript(no-floating-promises)',
    { [IN_KIT]: `Promise.resolve(1).then((value) => value + 1);\n${FINE}` },
  ],
  [
    'typescript(no-misused-promises)',
    { [IN_KIT]: `export const isIt = async () => true;\nif (isIt()) throw new Error('no');\n` },
  ],
  ['typescript(await-thenable)', { [IN_KIT]: 'export const one = await 1;\n' }],
  [
    'typescript(only-throw-error)',
    { [IN_KIT]: `export const fail = (): never => {\n  throw 'text';\n};\n` },
  ],
  [
    'typescript(no-explicit-any)',
    { [IN_KIT]: 'export const anything = (value: any): unknown => value;\n' },
  ],
  [
    'typescript(no-unsafe-assignment)',
    { [IN_KIT]: `export const parsed: string = JSON.parse('1');\n` },
  ],
  [
    'typescript(no-non-null-assertion)',
    { [IN_KIT]: 'export const first = (list: string[]) => list[0]!;\n' },
  ],
  [
    'typescript(switch-exhaustiveness-check)',
    {
      [IN_KIT]: `export function say(state: 'queued' | 'leased'): string {
  switch (state) {
    case 'queued':
      return 'waits';
  }
  return '';
}
`,
    },
  ],
  [
    'typescript(consistent-type-imports)',
    {
      [IN_KIT]: `import { PathLike } from 'node:fs';\nexport const same = (file: PathLike) => file;\n`,
    },
  ],
  ['import(no-default-export)', { [IN_KIT]: 'export default 1;\n' }],
  ['node(no-process-env)', { [IN_KIT]: `export const home = process.env['HOME'];\n` }],
  ['node(no-process-env)', { 'apps/worker/src/config.ts': 'export const all = process.env;\n' }],
  [
    'eslint(no-restricted-imports)',
    { [IN_KIT]: `import { env } from 'node:process';\nexport { env };\n` },
  ],
  ['eslint(no-console)', { [IN_KIT]: `console.log('here');\n${FINE}` }],
  [
    'eslint(max-params)',
    { [IN_KIT]: 'export const f = (a: 1, b: 1, c: 1, d: 1) => [a, b, c, d];\n' },
  ],
  [
    'eslint(max-lines-per-function)',
    { [IN_KIT]: `export function long() {\n${'  Math.random();\n'.repeat(61)}}\n` },
  ],
  [
    'eslint(complexity)',
    {
      [IN_KIT]: `export function f(n: number) {\n${'  if (n > 1) n.toFixed();\n'.repeat(21)}}\n`,
    },
  ],
  ['eslint(max-lines)', { [IN_KIT]: FINE.repeat(401) }],
  ['eslint(max-lines)', { 'apps/worker/src/main.ts': FINE.repeat(41) }],
  ['unicorn(filename-case)', { 'packages/kit/src/notKebab.ts': FINE }],
  [
    'vitest(no-focused-tests)',
    { 'packages/kit/src/a.test.ts': `import { it } from 'vitest';\nit.only('x', () => {});\n` },
  ],
  ['Unused oxlint-disable', { [IN_KIT]: `// oxlint-disable-next-line no-console\n${FINE}` }],
]);

describeCheck('types', [
  ['TS2322', { [IN_KIT]: `export const size: number = 'four';\n` }],
  ['TS2532', { [IN_KIT]: 'export const up = (list: string[]) => list[0].length;\n' }],
  ['TS1294', { [IN_KIT]: 'export enum State {\n  Queued,\n}\n' }],
  ['TS1484', { [IN_KIT]: `import { PathLike } from 'node:fs';\nexport type P = PathLike;\n` }],
]);

describeCheck('boundaries', [
  ['no-app-imports-app', { [IN_WORKER]: `export { createApp } from '@nexus/orchestrator';\n` }],
  [
    'no-app-imports-app',
    { 'apps/worker/src/a.test.ts': `export { createApp } from '@nexus/orchestrator';\n` },
  ],
  ['no-package-imports-app', { [IN_GRID]: `export { createApp } from '@nexus/orchestrator';\n` }],
  ['kit-imports-nothing-of-ours', { [IN_KIT]: `export { plan } from '@nexus/grid';\n` }],
  [
    'grid-and-assistant-are-strangers',
    { [IN_GRID]: `export { bubbleLimit } from '@nexus/assistant';\n` },
  ],
  [
    'grid-and-assistant-are-strangers',
    { 'packages/assistant/src/planted.ts': `import type {} from '@nexus/grid/contract';\n` },
  ],
  [
    'simulators-stay-out-of-production',
    { [IN_WORKER]: `export { simulatedPort } from '@nexus/simulators';\n` },
  ],
  [
    'testkit-stays-out-of-production',
    { [IN_WORKER]: `export { testName } from '@nexus/testkit';\n` },
  ],
  [
    'no-relative-import-across-workspaces',
    { [IN_WORKER]: `export { greet } from '../../../packages/kit/src/greet.ts';\n` },
  ],
  ['contract-is-browser-safe', { [IN_CONTRACT]: `export { readFile } from 'node:fs/promises';\n` }],
  ['contract-is-browser-safe', { [IN_CONTRACT]: `export { plan } from '../index.ts';\n` }],
  ['grid-decides-without-io', { [IN_GRID]: `export { request } from 'node:http';\n` }],
  ['only-db-imports-pg', { [IN_WORKER]: `import pg from 'pg';\nexport const p = pg.Pool;\n` }],
  [
    'no-production-imports-test',
    { 'apps/orchestrator/src/planted.ts': `export * from './app.test.ts';\n` },
  ],
  [
    'no-circular',
    {
      [IN_KIT]: `import { b } from './other.ts';\nexport const a = (): unknown => b;\n`,
      'packages/kit/src/other.ts': `import { a } from './planted.ts';\nexport const b = () => a();\n`,
    },
  ],
  ['no-unresolvable', { [IN_WORKER]: `export { x } from '@nexus/kit/src/greet.ts';\n` }],
]);

it('boundaries let packages other than db import the types of pg', async () => {
  const files = { [IN_WORKER]: `import type { Pool } from 'pg';\nexport type P = Pool;\n` };
  expect(await findProblems('boundaries', files)).toBe('');
});

describeCheck('dead-code', [
  ['Unused files', { [IN_KIT]: 'export const nobody = 1;\n' }],
  [
    'nobodyCalls',
    {
      'packages/kit/src/greet.ts': `export const greet = (name: string) => name;\nexport const nobodyCalls = 1;\n`,
    },
  ],
  [
    'publishedForNobody',
    {
      'packages/kit/src/index.ts': `export { greet } from './greet.ts';\nexport const publishedForNobody = 1;\n`,
    },
  ],
  ['Unlisted dependencies', { 'apps/worker/src/main.ts': `import '@nexus/kit';\n` }],
  [
    'Unused dependencies',
    {
      'packages/assistant/package.json': `{ "name": "@nexus/assistant", "exports": "./src/index.ts", "dependencies": { "zod": "4.6.7" } }\n`,
    },
  ],
]);

describeCheck('file-length', [
  ['zero.sql: 401 lines', { 'packages/db/migrations/zero.sql': '-- a line\n'.repeat(401) }],
]);

describeCheck('doc-length', [
  ['README.md: 151 lines', { 'README.md': 'a line\n'.repeat(151) }],
  ['docs/glossary.md: 121 lines', { 'docs/glossary.md': 'a line\n'.repeat(121) }],
]);

describeCheck('lockfile', [
  [
    'names the host it was downloaded from',
    { 'package-lock.json': `{ "packages": { "": { "resolved": "https://example.com/a.tgz" } } }` },
  ],
  [
    'lacks tool-darwin-arm64',
    {
      'package-lock.json': `{ "packages": { "node_modules/tool": { "optionalDependencies": { "tool-darwin-arm64": "1.0.0" } } } }`,
    },
  ],
]);

describeCheck('exact-versions', [
  [
    'dependencies.zod = "^4.6.7"',
    {
      'packages/kit/package.json': `{ "name": "@nexus/kit", "dependencies": { "zod": "^4.6.7" } }`,
    },
  ],
]);

// Put together here, so that this file does not hold the traces it is about.
describeCheck('forbidden-traces', [
  [
    'docs/a.md:2: names the home of a person',
    { 'docs/a.md': `\nsee ${['', 'home', 'zoe'].join('/')}\n` },
  ],
  ['names a private package registry', { 'docs/a.md': ['npm-proxy', 'corp'].join('.') }],
  ['names a registry setting', { '.npmrc': ['registry', 'https://example.com'].join('=') }],
]);

describe('npm run check', () => {
  const check = ['node', 'scripts/check.ts'];

  it('ends well where nothing is wrong', async () => {
    const { exitCode, output } = await runTool(workspace.root, [...check, 'lint', 'lockfile']);
    expect(output).toMatch(/^ok +lint +\d+\.\d s\nok +lockfile +\d+\.\d s\n\n2 passed, 0 failed$/);
    expect(exitCode).toBe(0);
  });

  it('lists every problem of every failed check and exits with 1', async () => {
    const files = {
      'README.md': 'a line\n'.repeat(151),
      'package-lock.json': '{ "packages": { "": { "resolved": "x://a" } } }',
    };
    const { exitCode, output } = await workspace.withFiles(files, () =>
      runTool(workspace.root, [...check, 'doc-length', 'lockfile', 'exact-versions']),
    );
    expect(output).toContain('README.md: 151 lines');
    expect(output).toContain('package-lock.json:1: names the host');
    expect(output).toMatch(/1 passed, 2 failed$/);
    expect(exitCode).toBe(1);
  });

  it('counts a check that breaks as failed and goes on', async () => {
    const { exitCode, output } = await workspace.withFiles({ 'package-lock.json': '{' }, () =>
      runTool(workspace.root, [...check, 'lockfile', 'doc-length']),
    );
    expect(output).toContain('could not run: SyntaxError');
    expect(output).toMatch(/1 passed, 1 failed$/);
    expect(exitCode).toBe(1);
  });

  it('refuses a check it does not have', async () => {
    const { exitCode, output } = await runTool(workspace.root, [...check, 'spelling']);
    expect(output).toContain('No check is called spelling');
    expect(exitCode).toBe(2);
  });
});

describe('commit-subjects', () => {
  it('reads the commits of the repository it is given', async () => {
    const git = ['git', '-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
    await runTool(workspace.root, ['git', 'init', '--quiet']);
    const commit = [...git, 'commit', '--quiet', '--allow-empty', '-m'];
    await runTool(workspace.root, [...commit, 'kit: add a clock']);
    expect(await findProblems('commit-subjects')).toBe('');
    await runTool(workspace.root, [...commit, 'Added a clock']);
    expect(await findProblems('commit-subjects')).toContain('not of the shape');
  });
});
