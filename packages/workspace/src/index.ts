export { makeAttemptFolder, runAttempt, type AttemptRequest, type AttemptResult, type InstalledDependencies } from './attempt.ts';
export { BUILD_FOLDER, environmentKey, installCommand, PYTHON_PACKAGES } from './dependencies.ts';
export { MaskingStream } from './mask-secrets.ts';
export { inParallel, type BlobSource } from './materialize.ts';
export type { Changes } from './scan-changes.ts';
export { findInterpreters, type Interpreter, type Interpreters } from './runtimes/interpreters.ts';
export type { ResolvedRuntime } from './runtimes/resolve-runtime.ts';
