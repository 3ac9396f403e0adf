import { afterAll, beforeAll, expect, test } from 'vitest';

import { runSeed, type SeedResult } from './src/scaling-chaos/run-seed.ts';
import { openStage, type Stage } from './src/scaling-chaos/stage.ts';
import { describeRun } from './src/scaling-chaos/tally.ts';

// More seeds: CHAOS_SEEDS=1000 npm test -- e2e/scaling-chaos
// One alone:  CHAOS_SEEDS=1 CHAOS_FIRST_SEED=123 npm test -- e2e/scaling-chaos
const SEEDS = Number(process.env['CHAOS_SEEDS'] ?? 2);
const FIRST_SEED = Number(process.env['CHAOS_FIRST_SEED'] ?? 1);

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

test(
  'whatever fails, and whenever the daemon is killed, no server is left, no execution lost and no budget exceeded',
  { timeout: 60_000 + SEEDS * 60_000 },
  async () => {
    const results: SeedResult[] = [];
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      const result = await runSeed(seed, stage);
      results.push(result);
      if (result.problems.length === 0) continue;
      console.log(`seed ${seed}:\n  ${result.problems.join('\n  ')}`);
      console.log((await stage.readLog(result)).join('\n'));
    }
    console.log(describeRun(results));
    const problems = results.flatMap(({ seed, problems }) =>
      problems.map((problem) => `seed ${seed}: ${problem}`),
    );
    expect(problems).toEqual([]);
  },
);
