import type { Architecture } from './snapshot.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** What the operator decides. The daemon's config fills it from the environment. */
export interface ScalingPolicy {
  /**
   * PROVISION_QUEUE_DEPTH: so many that would still wait when a new server had been up for a while are
   * reason enough for one, however short their wait. Matters where PROVISION_MAX_WAIT is long.
   */
  readonly queueDepth: number;
  /**
   * PROVISION_MAX_WAIT: as long as an execution should wait at most; longer buys fewer started hours. It is
   * held against the wait that is to be expected, and not sat out first: where nothing that is here or
   * coming could ever run an execution, waiting would save nothing, and a server is made at once.
   */
  readonly maxWaitMs: number;
  /** MAX_WORKERS: servers in the books at once, in whatever state. */
  readonly maxWorkers: number;
  /** WORKER_SLOTS; null: one per processor. */
  readonly slotsPerServer: number | null;
  /** HETZNER_SERVER_TYPES, the preferred first. */
  readonly serverTypes: readonly string[];
  /** HETZNER_LOCATIONS, the preferred first. */
  readonly locations: readonly string[];
  /** For which there is a worker to install. */
  readonly architectures: readonly Architecture[];
  /** What a worker on such a server will offer: `driver:docker`, … */
  readonly serverOffers: readonly string[];
  /** Of a server's memory, what its system keeps for itself. */
  readonly systemMemoryBytes: number;
  /** BUDGET_EUR_PER_MONTH in micro-euros; null: no limit. */
  readonly budgetMicrosPerMonth: number | null;
  /** A server whose worker has not registered by then is deleted and replaced. */
  readonly bootDeadlineMs: number;
  /** A worker that has been silent for so long is gone, and so is the use of its server. */
  readonly silentMs: number;
  /** Of so many different executions failed by the server itself, it gets no more. */
  readonly infraFailureLimit: number;
  /** The cloud's list may lag behind its replies: a younger server is neither an orphan nor vanished. */
  readonly youngGraceMs: number;
  /** An intent that has not shown up in the cloud after this is posted again under the same name. */
  readonly intentRetryMs: number;
  /** The last part of a paid hour, in which an idle server goes. Room for several tries. */
  readonly deleteWindowMs: number;
  /** An idle server is kept for another hour if it is likely to be needed again within this time. */
  readonly keepMs: number;
  /** A server is made, or kept for another hour, only if it spares the queue so much waiting in all. */
  readonly worthMs: number;
  /** Longest time between two plans. */
  readonly tickMs: number;
}

/** Defaults of everything that has no environment variable, and of what has. */
export const DEFAULT_SCALING_POLICY: ScalingPolicy = {
  queueDepth: 5,
  maxWaitMs: MINUTE,
  maxWorkers: 10,
  slotsPerServer: null,
  serverTypes: ['cx23', 'cx22', 'cax11', 'cpx22'],
  locations: ['fsn1', 'nbg1', 'hel1'],
  architectures: ['x86', 'arm'],
  serverOffers: [],
  systemMemoryBytes: 512 * 1024 ** 2,
  budgetMicrosPerMonth: null,
  bootDeadlineMs: 5 * MINUTE,
  silentMs: 2 * MINUTE,
  infraFailureLimit: 3,
  // As long as the most careful of the peers gives new servers.
  youngGraceMs: 15 * MINUTE,
  intentRetryMs: 30 * SECOND,
  deleteWindowMs: 2 * MINUTE,
  keepMs: 5 * MINUTE,
  worthMs: 60 * SECOND,
  tickMs: 10 * SECOND,
};
