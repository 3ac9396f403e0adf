import type { Verb } from './verbs/verb.ts';

export interface VerbEntry {
  name: string;
  summary: string;
  load(): Promise<Verb>;
}

/** Every verb with its line in `rgrid --help`; the rest of it is loaded only when it is asked for. */
export const VERBS: readonly VerbEntry[] = [
  {
    name: 'run',
    summary: 'run a script on the grid',
    load: async () => (await import('./verbs/run.ts')).verb,
  },
  {
    name: 'status',
    summary: 'how a run stands, or the newest ones',
    load: async () => (await import('./verbs/status.ts')).verb,
  },
  {
    name: 'logs',
    summary: 'what it printed',
    load: async () => (await import('./verbs/logs.ts')).verb,
  },
  {
    name: 'list',
    summary: 'executions by state, label or script',
    load: async () => (await import('./verbs/list.ts')).verb,
  },
  {
    name: 'outputs',
    summary: 'the files it made or changed',
    load: async () => (await import('./verbs/outputs.ts')).verb,
  },
  {
    name: 'download',
    summary: 'fetch these files',
    load: async () => (await import('./verbs/download.ts')).verb,
  },
  {
    name: 'cancel',
    summary: 'stop it',
    load: async () => (await import('./verbs/cancel.ts')).verb,
  },
  {
    name: 'retry',
    summary: 'run again what failed',
    load: async () => (await import('./verbs/retry.ts')).verb,
  },
  {
    name: 'cost',
    summary: 'what runs have cost',
    load: async () => (await import('./verbs/cost.ts')).verb,
  },
  {
    name: 'estimate',
    summary: 'what a batch will take',
    load: async () => (await import('./verbs/estimate.ts')).verb,
  },
  {
    name: 'workers',
    summary: 'the machines that run it all',
    load: async () => (await import('./verbs/workers.ts')).verb,
  },
  {
    name: 'top',
    summary: 'watch workers and batches',
    load: async () => (await import('./verbs/top.ts')).verb,
  },
  {
    name: 'init',
    summary: 'set up the access to a platform',
    load: async () => (await import('./verbs/init.ts')).verb,
  },
  {
    name: 'completion',
    summary: 'complete verbs, flags and ids in your shell',
    load: async () => (await import('./verbs/completion.ts')).verb,
  },
  {
    name: 'version',
    summary: 'the version of rgrid',
    load: async () => (await import('./verbs/version.ts')).verb,
  },
];
