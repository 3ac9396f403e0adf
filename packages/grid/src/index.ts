export * from './estimate.ts';
export * from './manifests.ts';
export * from './cost.ts';
export * from './decide-report.ts';
export * from './scaling/index.ts';
export * from './states.ts';
export * from './waiting.ts';
