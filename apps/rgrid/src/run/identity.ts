import type { BatchSpec, FileEntry, Manifest } from '@nexus/grid/contract';
import { manifestSha256 } from '@nexus/grid/manifests';
import { canonicalJson, sha256 } from '@nexus/kit/hash';

/** Grows when the same identity could stand for another result than before. */
const IDENTITY_VERSION = 1;

export interface SharedIdentity {
  spec: BatchSpec;
  project: Manifest;
  env: Readonly<Record<string, string>>;
}

/**
 * What decides the result of every execution of a submit. Left out on purpose: the root, which
 * differs between machines; the sandbox driver, processors, memory, disk and time, which decide
 * whether a run succeeds but not what a successful one answers, and only successes are taken over.
 */
export function sharedIdentity({ spec, project, env }: SharedIdentity): string {
  return sha256(
    canonicalJson({
      version: IDENTITY_VERSION,
      project: manifestSha256(project),
      script: spec.script,
      workingDirectory: spec.workingDirectory,
      runtime: spec.runtime,
      image: spec.image,
      network: spec.network,
      dependencies: spec.dependencies,
      stdin: spec.stdin?.sha256 ?? null,
      logBytes: spec.limits.logBytes,
      env: sha256(canonicalJson(env)),
    }),
  );
}

export function executionIdentity(
  shared: string,
  args: readonly string[],
  input: FileEntry | null,
): string {
  return sha256(canonicalJson({ shared, args, input }));
}
