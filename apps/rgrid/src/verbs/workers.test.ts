import { expect, test } from 'vitest';

import type { Worker } from '@nexus/grid/contract';

import { workerTable } from './workers.ts';

const NOW = Date.UTC(2026, 10, 20, 10, 30);
const WORKER: Worker = {
  ...{ id: 'w', name: 'laptop', state: 'active', slots: 2, busy: 1, cpus: 2, memoryBytes: 4e9 },
  ...{ drivers: ['bubblewrap'], runtimes: [], priceMicrosPerHour: 0, server: null },
  ...{ registeredAt: '2026-11-20T10:00:00.000Z', heartbeatAt: '2026-11-20T10:29:58.000Z' },
};
const place = { serverType: 'cx23', location: 'fsn1' };

function rented(name: string, paidUntil: string | null): Worker {
  return { ...WORKER, name, server: { ...place, paidUntil } };
}

test('machines that are always there have no column for servers', () => {
  expect(workerTable([WORKER], NOW)).not.toContain('SERVER');
});

test('a rented server is told with its type, its place, and until when it is paid', () => {
  const paidUntil = '2026-11-20T11:00:02.000Z';
  const lines = workerTable([WORKER, rented('a', paidUntil), rented('b', null)], NOW).split('\n');
  expect(lines[0]).toMatch(/PER HOUR +SERVER +LAST HEARD$/);
  expect(lines[2]).toContain('cx23 in fsn1, paid until 11:00 UTC');
  expect(lines[3]).toMatch(/cx23 in fsn1  +/);
});
