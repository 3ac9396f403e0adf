/**
 * All that a scaling decision may look at, gathered by the daemon in one go. Plain JSON: a recorded
 * snapshot can be planned again. Times are milliseconds since 1970, money is integer micro-euros.
 */

/**
 * intended: the row is there; the create call may or may not have happened.
 * booting: the cloud has confirmed it; `cloudId` and `createdAtMs` are known, and it bills.
 * active: its worker has registered and takes work.
 * draining: takes nothing new; may go back to active.
 * deleting: no way back; the delete call is repeated until the cloud answers 404.
 * gone: bills no more. An intent that the cloud refused goes here at no cost.
 */
export const SERVER_STATES = [
  'intended',
  'booting',
  'active',
  'draining',
  'deleting',
  'gone',
] as const;
export type ServerState = (typeof SERVER_STATES)[number];

/** Which state may follow which; the database refuses any other move. */
export const SERVER_TRANSITIONS: Readonly<Record<ServerState, readonly ServerState[]>> = {
  // To active at once: the worker registered before the reply to the create call was written down.
  intended: ['booting', 'active', 'deleting', 'gone'],
  booting: ['active', 'deleting', 'gone'],
  active: ['draining', 'gone'],
  draining: ['active', 'deleting', 'gone'],
  deleting: ['gone'],
  gone: [],
};

export interface FleetSnapshot {
  readonly demand: readonly DemandGroup[];
  /**
   * For each of the last 60 minutes, oldest first, the most executions that ran or waited at once.
   * Shorter (or empty) where less is known. What has been needed lately earns an idle server its next hour.
   */
  readonly recentDemand: readonly number[];
  /** Workers that are not ours to delete: a laptop's, a machine that is always there. */
  readonly workers: readonly FixedWorker[];
  /** Everything in the books that is not gone. */
  readonly servers: readonly Server[];
  /** What the cloud lists under our label, all pages; null: could not be read, so nothing is swept. */
  readonly cloud: readonly CloudServer[] | null;
  readonly offers: readonly ServerOffer[];
  readonly refusals: RefusalMemory;
  readonly budget: Budget;
  /** Since when workers could be heard without a break: silence before says nothing about them. */
  readonly listeningSinceMs: number;
  /** From create call to registered worker: median of the last few. */
  readonly expectedBootMs: number;
  /** Median run time of what has run lately: the guess for an execution that nothing is known of. */
  readonly typicalRunMs: number;
}

/** What an execution asks of a machine. */
export interface Ask {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** `driver:docker`, … */
  readonly requires: readonly string[];
}

/** Queued executions that ask for the same and are held to the same `--parallel`. In the order they would be leased. */
export interface DemandGroup extends Ask {
  /** Names the group in the plan: a batch id, or a hash of what it asks for. */
  readonly key: string;
  /** Queued, that is: not leased. At least 1. */
  readonly count: number;
  /** How many of the group may be on workers at once, and how many are; null: no limit. */
  readonly parallel: number | null;
  readonly active: number;
  readonly oldestQueuedAtMs: number;
  readonly newestQueuedAtMs: number;
  /** Median run time of what is like it; null: nothing like it has run. */
  readonly expectedMs: number | null;
  /** Longest that one may run (its `--timeout`): the hours a server may have to stay for it. */
  readonly timeoutMs: number;
}

/** A leased or running attempt. */
export interface RunningAttempt {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Expected time to its end, see `expectRemainingMs`; null: nothing is known. */
  readonly remainingMs: number | null;
  /** Time to its end if it uses all of its `--timeout`. */
  readonly maxRemainingMs: number;
}

export interface FixedWorker {
  readonly id: string;
  readonly isDraining: boolean;
  readonly slots: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** `driver:docker`, … */
  readonly offers: readonly string[];
  readonly running: readonly RunningAttempt[];
}

/** A server in the books. */
export interface Server {
  readonly id: string;
  /** Unique in the cloud project, made from the id: the key that makes a repeated create harmless. */
  readonly name: string;
  readonly state: Exclude<ServerState, 'gone'>;
  readonly cloudId: string | null;
  readonly serverType: string;
  readonly location: string;
  readonly architecture: Architecture;
  /** As its worker registered them; before that, as the type promises, less what the system takes. */
  readonly slots: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly offers: readonly string[];
  /** Stored when it was made; a later change of the price list does not touch it. */
  readonly priceMicrosPerHour: number;
  readonly ipv4MicrosPerHour: number;
  readonly intendedAtMs: number;
  /** By the cloud's clock: its hours are counted from here. Null while only intended. */
  readonly createdAtMs: number | null;
  readonly registeredAtMs: number | null;
  readonly lastHeartbeatAtMs: number | null;
  /** Since when it has had nothing leased; null: it has, or it has not registered. */
  readonly idleSinceMs: number | null;
  readonly running: readonly RunningAttempt[];
  /** Different executions that failed on it for reasons that were not theirs. */
  readonly infraFailures: number;
  readonly deleteTries: number;
  readonly deleteTriedAtMs: number | null;
}

export type Architecture = 'x86' | 'arm';

export interface CloudServer {
  readonly cloudId: string;
  readonly name: string;
  readonly createdAtMs: number;
  /** As the cloud words it: initializing, running, off, … */
  readonly status: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One server type in one location, as the price list has it today. */
export interface ServerOffer {
  readonly serverType: string;
  readonly location: string;
  readonly architecture: Architecture;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly priceMicrosPerHour: number;
  /** 0 where servers get no IPv4. */
  readonly ipv4MicrosPerHour: number;
  /** False: said to be sold out. True is no promise. */
  readonly isAvailable: boolean;
  /** Announced to go: used only where nothing else is left in the order of types. */
  readonly isDeprecated: boolean;
}

/** What the cloud has refused lately; kept by `rememberRefusal` and `rememberSuccess`. */
export interface RefusalMemory {
  /** Per type and location: sold out there. */
  readonly cells: readonly CellRefusal[];
  /** Holds for every create: a limit of the account, the rate limit, a token that is refused. */
  readonly account: AccountRefusal | null;
}

export interface CellRefusal {
  readonly serverType: string;
  readonly location: string;
  readonly failures: number;
  readonly untilMs: number;
  readonly reason: string;
}

export interface AccountRefusal {
  readonly failures: number;
  readonly untilMs: number;
  readonly reason: string;
}

export interface Budget {
  /**
   * Billed or committed this calendar month (UTC): every started hour of every server, the living
   * included, and the first hour of every intent.
   */
  readonly committedMicros: number;
}
