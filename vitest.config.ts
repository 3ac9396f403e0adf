import { defineConfig } from 'vitest/config';

// Integration tests start Postgres, sandboxes and workers of their own, so a file costs more than
// one core; two files at a time keep a 2-core machine busy without making timeouts a lottery.
const maxWorkers = 2;

export default defineConfig({
  test: {
    include: [
      'packages/**/*.test.ts',
      'apps/**/*.test.ts',
      'e2e/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**'],
    globalSetup: ['packages/testkit/src/global-setup.ts'],
    environment: 'node',
    pool: 'forks',
    maxWorkers,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 15_000,
    // A test left with `.only` would silently shrink the run.
    allowOnly: false,
    passWithNoTests: false,
  },
});
