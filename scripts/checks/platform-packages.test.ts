import { describe, expect, it } from 'vitest';
import { findPlatform, listMissingPackages } from './platform-packages.ts';

describe('packages for other platforms', () => {
  it.each([
    ['@oxlint/binding-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
    ['@oxlint/binding-linux-x64-gnu', { os: ['linux'], cpu: ['x64'], libc: ['glibc'] }],
    ['@oxlint/binding-linux-arm-musleabihf', { os: ['linux'], cpu: ['arm'], libc: ['musl'] }],
    ['@oxlint/binding-win32-ia32-msvc', { os: ['win32'], cpu: ['ia32'] }],
    ['@oxlint-tsgolint/linux-arm64', { os: ['linux'], cpu: ['arm64'] }],
    ['left-pad', undefined],
  ])('%s is for the platform in its name', (name, platform) => {
    expect(findPlatform(name)).toEqual(platform);
  });

  it('are missing when no folder that Node would look into has them', () => {
    const optionalDependencies = {
      here: '1.0.0',
      above: '1.0.0',
      nowhere: '1.0.0',
      range: '^1.0.0',
    };
    const packages = {
      'node_modules/tool': { dev: true, optionalDependencies },
      'node_modules/tool/node_modules/here': {},
      'node_modules/above': {},
    };
    expect(listMissingPackages({ packages })).toEqual([
      { location: 'node_modules/nowhere', name: 'nowhere', version: '1.0.0', isDev: true },
    ]);
  });
});
