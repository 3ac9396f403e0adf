import type { Check } from './check.ts';
import { runTool } from './tool.ts';

const FOLDERS = ['apps', 'packages', 'bench', 'e2e', 'scripts'];

/** dependency-cruiser, with a guard: a compiler it does not know makes it see no file and pass. */
export const boundaries: Check = {
  name: 'boundaries',
  run: async (root) => {
    const { exitCode, output } = await runTool(root, [
      'depcruise',
      '--config',
      '.dependency-cruiser.cjs',
      ...FOLDERS,
    ]);
    if (exitCode !== 0) return [`depcruise exited ${exitCode}\n${output}`];
    const moduleCount = /\((\d+) modules/.exec(output)?.[1];
    return Number(moduleCount ?? 0) > 0 ? [] : [`depcruise looked at no module\n${output}`];
  },
};
