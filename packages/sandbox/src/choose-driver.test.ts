import { expect, test } from 'vitest';
import { chooseDriver, type DriverProbe } from './choose-driver.ts';
import type { SandboxDriverName } from './driver.ts';

const description = { isolates: true, limits: 'watched', gaps: [] } as const;

function probes(...available: SandboxDriverName[]): DriverProbe[] {
  const names: SandboxDriverName[] = ['docker', 'bubblewrap', 'namespaces', 'process'];
  return names.map((name) =>
    available.includes(name)
      ? { name, isAvailable: true, description }
      : { name, isAvailable: false, reason: `no ${name} today` },
  );
}

test.each([
  {
    what: 'bubblewrap before all',
    found: probes('docker', 'bubblewrap', 'namespaces', 'process'),
    wish: {},
    name: 'bubblewrap',
  },
  {
    what: 'namespaces next',
    found: probes('docker', 'namespaces', 'process'),
    wish: {},
    name: 'namespaces',
  },
  { what: 'a plain process last', found: probes('docker', 'process'), wish: {}, name: 'process' },
  {
    what: 'docker for an image',
    found: probes('docker', 'bubblewrap'),
    wish: { image: 'python:3.12' },
    name: 'docker',
  },
  {
    what: 'docker for an image, insisted on',
    found: probes('docker'),
    wish: { image: 'x', insist: 'docker' },
    name: 'docker',
  },
  {
    what: 'docker without an image only when insisted on',
    found: probes('docker', 'process'),
    wish: { insist: 'docker' },
    name: 'docker',
  },
  {
    what: 'the one insisted on',
    found: probes('bubblewrap', 'process'),
    wish: { insist: 'process' },
    name: 'process',
  },
] as const)('chooses $what', ({ found, wish, name }) => {
  expect(chooseDriver(found, wish)).toEqual({ ok: true, name, description });
});

test.each([
  {
    what: 'an image without docker',
    found: probes('bubblewrap'),
    wish: { image: 'x' },
    reason: 'no docker today',
  },
  {
    what: 'insisting on one that is missing',
    found: probes('process'),
    wish: { insist: 'bubblewrap' },
    reason: 'no bubblewrap today',
  },
  { what: 'a machine with nothing', found: probes(), wish: {}, reason: 'no namespaces today' },
  {
    what: 'a machine with docker alone',
    found: probes('docker'),
    wish: {},
    reason: 'no process today',
  },
  {
    what: 'drivers nobody probed',
    found: [],
    wish: { insist: 'docker' },
    reason: 'not looked for',
  },
] as const)('refuses $what', ({ found, wish, reason }) => {
  const code = 'driver_unavailable';
  expect(chooseDriver(found, wish)).toEqual({
    ok: false,
    code,
    reason: expect.stringContaining(reason),
  });
});

test('refuses an image in a driver that has none', () => {
  expect(
    chooseDriver(probes('docker', 'process'), { image: 'python:3', insist: 'process' }),
  ).toEqual({
    ok: false,
    code: 'image_needs_docker',
    reason: 'the image python:3 needs the driver docker, not process',
  });
});
