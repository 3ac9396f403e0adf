import { expect, test } from 'vitest';
import { countsByNamespace, createThreadCounter } from './own-threads.ts';

test.runIf(process.platform === 'linux').each([
  ['5.10.0-28-amd64', false],
  ['5.14.0', true],
  ['6.1.0-18-cloud', true],
  ['4.19.0', false],
])('knows what Linux %s counts', (kernel, expected) => {
  expect(countsByNamespace(kernel)).toBe(expected);
});

test('counts the threads of whom scripts run as', async () => {
  const count = createThreadCounter();
  // As root that is an id nobody else uses, so perhaps nobody.
  expect(await count()).toBeGreaterThan(process.getuid?.() === 0 ? -1 : 1);
  expect(count()).toBe(count());
});
