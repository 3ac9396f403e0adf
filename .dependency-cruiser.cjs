/**
 * The boundaries of ARCHITECTURE.md as rules. Paths are relative to the repository.
 * A workspace imported by name resolves to its real folder, so every rule reads
 * "from this folder to that folder". scripts/checks/planted.test.ts breaks each rule once.
 */
const TEST = '[.]test[.]ts$';
/** Code that is never part of a running service. */
const NOT_PRODUCTION = [
  TEST,
  '/src/testing/',
  '^(e2e|bench|scripts)/',
  '^packages/testkit/',
  '[.]config[.]ts$',
];
/** Core modules that do something; `node:crypto` hashing and `node:path` are pure enough. */
const INPUT_OUTPUT =
  '^(node:)?(fs|net|tls|http|http2|https|dgram|dns|child_process|cluster|worker_threads|os)(/|$)';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-app-imports-app',
      severity: 'error',
      comment:
        'Apps meet over HTTP, the queue or the database. Only apps/nexus, which starts the others in one process, may import them.',
      from: { path: '^apps/([^/]+)/', pathNot: '^apps/nexus/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'no-package-imports-app',
      severity: 'error',
      comment: 'Dependencies point downwards: a library never knows the process it runs in.',
      from: { path: '^packages/' },
      to: { path: '^apps/' },
    },
    {
      name: 'kit-imports-nothing-of-ours',
      severity: 'error',
      comment: 'kit is the floor that everything stands on.',
      from: { path: '^packages/kit/', pathNot: TEST },
      to: { path: '^(apps|packages)/', pathNot: '^packages/kit/' },
    },
    {
      name: 'grid-and-assistant-are-strangers',
      severity: 'error',
      comment: 'The two domains share the platform, never code of each other.',
      from: { path: '^packages/(grid|assistant)/' },
      to: { path: '^packages/(grid|assistant)/', pathNot: '^packages/$1/' },
    },
    {
      name: 'simulators-stay-out-of-production',
      severity: 'error',
      comment: 'Only tests and `nexus up` talk to simulated outside systems.',
      from: { pathNot: [...NOT_PRODUCTION, '^apps/nexus/', '^packages/simulators/'] },
      to: { path: '^packages/simulators/' },
    },
    {
      name: 'testkit-stays-out-of-production',
      severity: 'error',
      comment: 'Test helpers start databases and kill processes; no service may reach them.',
      from: { pathNot: NOT_PRODUCTION },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'no-relative-import-across-workspaces',
      severity: 'error',
      comment: 'A workspace is imported by its name and its `exports`, never by a path into it.',
      from: { path: '^((?:apps|packages)/[^/]+|bench|e2e|scripts)/' },
      to: {
        path: '^((?:apps|packages)/[^/]+|bench|e2e|scripts)/',
        pathNot: '^$1/',
        dependencyTypes: ['local'],
      },
    },
    {
      name: 'contract-is-browser-safe',
      severity: 'error',
      comment:
        'A contract is imported by servers, command lines and the browser: zod and contract files only.',
      from: { path: '^(packages/(?:grid|assistant)/src/contract)/', pathNot: TEST },
      to: { pathNot: ['^$1/', '(^|/)node_modules/zod/'] },
    },
    {
      name: 'grid-decides-without-io',
      severity: 'error',
      comment: 'Decisions are pure: a snapshot in, a plan out. Gather and apply elsewhere.',
      from: { path: '^packages/(grid|assistant)/src/', pathNot: TEST },
      to: { path: INPUT_OUTPUT, dependencyTypes: ['core'] },
    },
    {
      name: 'only-db-imports-pg',
      severity: 'error',
      comment: 'Connections are made in packages/db. `import type` from pg is fine anywhere.',
      from: { pathNot: [...NOT_PRODUCTION, '^packages/db/'] },
      to: { path: '(^|/)node_modules/pg/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-production-imports-test',
      severity: 'error',
      comment: "A test file is nobody's library; shared helpers belong in packages/testkit.",
      from: { pathNot: TEST },
      to: { path: TEST },
    },
    {
      name: 'no-circular',
      severity: 'error',
      comment:
        'A cycle has no bottom to start reading from. Move the shared part to a file of its own.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      comment:
        'The import leads nowhere: a typo, an undeclared dependency or a path past `exports`.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(coverage|outputs|dist)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Sees `import type` and says which imports are type-only.
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
