import type { Dependencies } from '@nexus/grid/contract';
import { canonicalJson, sha256 } from '@nexus/kit/hash';

import type { ResolvedRuntime } from '../runtimes/resolve-runtime.ts';

/** Grows when what an environment holds is laid out differently: older ones are not reused then. */
const LAYOUT_VERSION = 1;

/** Names an installed set: the same files on the same runtime and platform give the same environment. */
export function environmentKey(
  dependencies: Dependencies,
  runtime: Pick<ResolvedRuntime, 'name' | 'version'>,
  platform = `${process.platform}-${process.arch}`,
): string {
  const files = dependencies.files.map(({ path, sha256: content }) => ({ path, sha256: content }));
  const { name, version } = runtime;
  return sha256(
    canonicalJson({
      layout: LAYOUT_VERSION,
      manager: dependencies.manager,
      files,
      name,
      version,
      platform,
    }),
  );
}
