import type { SandboxSpec } from './driver.ts';
import { bindLines, fstabLine, type BindMount } from './fstab.ts';
import { readMountTable } from './mount-table.ts';
import type { RootView } from './root-view.ts';
import type { SandboxView } from './sandbox-view.ts';
import { tmpBytes } from './tmp-size.ts';

export interface FstabParts {
  spec: SandboxSpec;
  view: SandboxView;
  system: RootView;
  /** Where sysfs is mounted for raising the loopback; null when that is done otherwise. */
  sysfs: string | null;
}

function kernelLines({ spec, view, sysfs }: FstabParts): string[] {
  const { root } = view;
  const size = tmpBytes(spec);
  const tmpfs = (target: string): string =>
    fstabLine('tmpfs', root + target, {
      type: 'tmpfs',
      options: `nosuid,nodev,size=${size},mode=1777`,
    });
  const hasOwnTmp = !view.mounts.some((mount) => mount.target === '/tmp');
  return [
    fstabLine('proc', `${root}/proc`, { type: 'proc', options: 'nosuid,nodev,noexec' }),
    hasOwnTmp ? tmpfs('/tmp') : '',
    tmpfs('/dev/shm'),
    fstabLine('devpts', `${root}/dev/pts`, {
      type: 'devpts',
      options: 'newinstance,ptmxmode=0666,mode=620,nosuid,noexec',
    }),
    sysfs === null
      ? ''
      : fstabLine('sysfs', sysfs, { type: 'sysfs', options: 'nosuid,nodev,noexec' }),
  ];
}

/** Everything the sandbox mounts, for one single `mount --all`: one process instead of twenty. */
export function buildFstab(parts: FstabParts): string {
  const { spec, view, system } = parts;
  const { root } = view;
  const table = readMountTable();
  const bind = (mount: BindMount): string =>
    bindLines({ ...mount, target: root + mount.target }, table);
  const systemBinds = [...system.binds, ...(spec.network ? system.networkBinds : [])];
  return [
    bindLines({ source: root, target: root, access: 'read' }, table),
    ...systemBinds.map(({ source, target }) => bind({ source, target, access: 'read' })),
    ...kernelLines(parts),
    ...system.devices.map((name) =>
      bind({ source: `/dev/${name}`, target: `/dev/${name}`, access: 'write', isDevice: true }),
    ),
    ...view.mounts.map((mount) => bind({ ...mount, makesTarget: mount.placement === 'tmp' })),
  ].join('');
}
