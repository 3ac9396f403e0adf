import { posix } from 'node:path';

import type { BatchSpec, Dependencies } from '@nexus/grid/contract';
import type { SandboxDriver } from '@nexus/sandbox';

import type { InstalledDependencies } from '../attempt.ts';

const PYTHON_PACKAGES = '/opt/rgrid/python';

/** How a script gets to see an environment that is installed in `folder`. */
export function mountEnvironment(
  dependencies: Dependencies,
  folder: string,
  { driver, spec }: { driver: SandboxDriver; spec: Pick<BatchSpec, 'root'> },
): InstalledDependencies {
  if (dependencies.manager === 'pip') {
    const { isolates } = driver.description;
    const mounts = [{ source: folder, target: PYTHON_PACKAGES, access: 'read' as const }];
    return { mounts, env: { PYTHONPATH: isolates ? PYTHON_PACKAGES : folder } };
  }
  const [first] = dependencies.files;
  const target = posix.join(spec.root, posix.dirname(first?.path ?? ''), 'node_modules');
  return { mounts: [{ source: folder, target, access: 'read' }], env: {} };
}
