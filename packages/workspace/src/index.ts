export {
  makeAttemptFolder,
  runAttempt,
  type AttemptRequest,
  type AttemptResult,
  type InstalledDependencies,
} from './attempt.ts';
export {
  buildEnvironment,
  type BuildRequest,
  type BuildResult,
} from './environments/build-environment.ts';
export { environmentKey } from './environments/environment-key.ts';
export { packageManagerSettings } from './environments/package-manager-settings.ts';
export { mountEnvironment } from './environments/mount-environment.ts';
export { MaskingStream } from './mask-secrets.ts';
export { inParallel, type BlobSource } from './materialize.ts';
export { removeTree } from './remove-tree.ts';
export { findInterpreters, type Interpreter, type Interpreters } from './runtimes/interpreters.ts';
export type { ResolvedRuntime } from './runtimes/resolve-runtime.ts';
export type { Changes } from './scan-changes.ts';
