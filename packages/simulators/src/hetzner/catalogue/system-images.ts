import type { Labels } from '../labels.ts';

export interface Image {
  readonly id: number;
  readonly type: 'system' | 'snapshot';
  status: 'available' | 'creating' | 'unavailable';
  /** Only system images have one, and each one twice: once per architecture. */
  readonly name: string | null;
  description: string;
  imageSizeGb: number | null;
  readonly diskSizeGb: number;
  readonly createdAt: number;
  readonly createdFrom: { id: number; name: string } | null;
  readonly osFlavor: string;
  readonly osVersion: string | null;
  readonly architecture: 'x86' | 'arm';
  readonly deprecatedAt: number | null;
  isDeleteProtected: boolean;
  labels: Labels;
}

type Row = readonly [
  x86Id: number,
  armId: number,
  name: string,
  description: string,
  deprecatedAt?: number,
];

const ROWS: readonly Row[] = [
  [67794396, 103908130, 'ubuntu-22.04', 'Ubuntu 22.04'],
  [161547269, 161547270, 'ubuntu-24.04', 'Ubuntu 24.04'],
  [114690387, 114690389, 'debian-12', 'Debian 12'],
  [310557660, 310557661, 'debian-13', 'Debian 13'],
  [310557662, 310557663, 'fedora-42', 'Fedora 42'],
  [148619575, 148619576, 'rocky-9', 'Rocky Linux 9'],
  [148619577, 148619578, 'alma-9', 'AlmaLinux OS 9'],
  [45557056, 103907373, 'debian-11', 'Debian 11', Date.UTC(2026, 7, 31)],
];

export const SYSTEM_IMAGES: readonly Image[] = ROWS.flatMap(
  ([x86Id, armId, name, description, deprecatedAt = null]) =>
    [x86Id, armId].map((id, index): Image => {
      const [osFlavor = 'unknown', osVersion = null] = name.split('-');
      return {
        ...{ id, name, description, type: 'system', status: 'available' },
        ...{ imageSizeGb: null, diskSizeGb: 5, createdAt: Date.UTC(2025, 7, 18, 6) },
        ...{ createdFrom: null, osFlavor, osVersion, deprecatedAt },
        architecture: index === 0 ? 'x86' : 'arm',
        isDeleteProtected: false,
        labels: {},
      };
    }),
);
