export * from './batch.ts';
export * from './execution.ts';
export * from './identifiers.ts';
export * from './manifest.ts';
export * from './platform.ts';
export * from './submission.ts';
export * from './worker.ts';
export * from './worker-bundle.ts';
