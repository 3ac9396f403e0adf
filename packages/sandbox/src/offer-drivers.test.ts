import { expect, test } from 'vitest';
import type { DriverProbe } from './choose-driver.ts';
import type { SandboxDriverName } from './driver.ts';
import { offerDrivers } from './offer-drivers.ts';

const description = { isolates: true, limits: 'watched', gaps: [] } as const;

function probes(...available: SandboxDriverName[]): DriverProbe[] {
  const names: SandboxDriverName[] = ['docker', 'bubblewrap', 'namespaces', 'process'];
  return names.map((name) =>
    available.includes(name)
      ? { name, isAvailable: true, description }
      : { name, isAvailable: false, reason: `no ${name} today` },
  );
}

const ALL = probes('docker', 'bubblewrap', 'namespaces', 'process');

test.each([
  {
    what: 'every driver with walls, and never a plain process beside them',
    found: ALL,
    names: ['bubblewrap', 'docker', 'namespaces'],
  },
  {
    what: 'namespaces alone where they are all there is',
    found: probes('namespaces', 'process'),
    names: ['namespaces'],
  },
  {
    what: 'a plain process to an ordinary user whose machine has nothing else',
    found: probes('process'),
    names: ['process'],
  },
  {
    what: 'a plain process beside docker, which runs nothing without an image',
    found: probes('docker', 'process'),
    names: ['process', 'docker'],
  },
])('offers $what', ({ found, names }) => {
  expect(offerDrivers(found, { isRoot: false })).toEqual({ ok: true, names });
});

test.each([true, false])(
  'offers what the operator insists on and nothing else, root: %s',
  (isRoot) => {
    for (const insist of ['process', 'docker', 'namespaces'] as const)
      expect(offerDrivers(ALL, { isRoot, insist })).toEqual({ ok: true, names: [insist] });
  },
);

test('offers root no plain process unasked, and says what to do', () => {
  for (const found of [probes('process'), probes('docker', 'process')]) {
    expect(offerDrivers(found, { isRoot: true })).toEqual({
      ok: false,
      reason: expect.stringMatching(
        /bubblewrap: no bubblewrap today; namespaces: no namespaces today.* as root .*WORKER_SANDBOX=process$/,
      ),
    });
  }
  expect(offerDrivers(ALL, { isRoot: true })).toMatchObject({ ok: true });
});

test('says what is missing when the driver that is insisted on is not there', () => {
  expect(offerDrivers(probes('process'), { isRoot: false, insist: 'bubblewrap' })).toEqual({
    ok: false,
    code: 'driver_unavailable',
    reason: 'the sandbox driver bubblewrap is not available here: no bubblewrap today',
  });
});
