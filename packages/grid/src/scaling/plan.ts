/** What the daemon is to do, in this order, and what it can tell those who wait. */
export interface ScalingPlan {
  readonly actions: readonly ScalingAction[];
  /** One per demand group, in the same order: no group is without. */
  readonly outlooks: readonly Outlook[];
  readonly notices: readonly Notice[];
  readonly budget: BudgetOutlook;
}

interface ActionBase<Code extends string> {
  /** For programs; the list grows. */
  readonly code: Code;
  /** For people: one sentence, without a full stop. */
  readonly reason: string;
}

interface ServerAction<Kind extends string, Code extends string> extends ActionBase<Code> {
  readonly kind: Kind;
  readonly serverId: string;
}

/** New intents, each to be checked against count and budget again in the transaction that writes it. */
export interface CreateAction extends ActionBase<'queue_depth' | 'max_wait' | 'nothing_serves'> {
  readonly kind: 'create';
  readonly serverType: string;
  readonly location: string;
  readonly count: number;
  /** Of each: what goes into its row. */
  readonly slots: number;
  readonly priceMicrosPerHour: number;
  readonly ipv4MicrosPerHour: number;
  /** Of each: what it may cost at worst, to be held against the budget together with `budget.reservedMicros`. */
  readonly reserveMicros: number;
}

/** Post an intent again, under its name: a `uniqueness_error` then means that it is there, to be adopted. */
export type RetryAction = ServerAction<'retry', 'intent_unanswered'>;

/** The reply to a create was lost, the server is there: write down what the cloud knows of it. */
export interface AdoptAction extends ServerAction<'adopt', 'reply_lost'> {
  readonly cloudId: string;
  readonly createdAtMs: number;
}

/** Takes nothing new from now on; what it runs comes to its end. */
export type DrainAction = ServerAction<'drain', 'hour_ends' | 'bad_server' | 'silent' | 'budget'>;

/** A draining server takes work again. */
export type ResumeAction = ServerAction<'resume', 'demand_returned' | 'hour_paid'>;

/** Never for a server with leases. Irrevocable for one in the books: to deleting in a transaction of its own, then the call. */
export interface DeleteAction extends ActionBase<
  'hour_ends' | 'boot_deadline' | 'silent' | 'bad_server' | 'repeat' | 'orphan'
> {
  readonly kind: 'delete';
  /** Null: an orphan, in the cloud but not in the books. */
  readonly serverId: string | null;
  /** Null: not known to be in the cloud, look it up by name first. */
  readonly cloudId: string | null;
  readonly name: string;
}

/** To gone: the cloud does not have it (any more). */
export type ForgetAction = ServerAction<'forget', 'deleted' | 'vanished' | 'intent_expired'>;

export type ScalingAction =
  | CreateAction
  | RetryAction
  | AdoptAction
  | DrainAction
  | ResumeAction
  | DeleteAction
  | ForgetAction;

/** Why a group waits and until when. */
export interface Outlook {
  readonly key: string;
  readonly code:
    /** Capacity that is here or coming takes it soon enough. */
    | 'paid_capacity'
    | 'servers_booting'
    | 'servers_ordered'
    /** Too little waits, for too short a time. */
    | 'below_threshold'
    | 'parallel_limit'
    | 'max_workers'
    | 'budget'
    | 'sold_out'
    | 'account_refused'
    /** No type in the order is large enough, or has what it asks for. */
    | 'no_server_fits';
  readonly message: string;
  /** When the first of them is expected to start; null: nothing can be said. */
  readonly firstStartAtMs: number | null;
  /** When the last of them is expected to start. */
  readonly lastStartAtMs: number | null;
}

/** What the operator should know, once per change. */
export interface Notice {
  readonly code:
    | 'type_replaced'
    | 'type_deprecated'
    | 'sold_out'
    | 'account_refused'
    | 'budget_warning'
    | 'budget_reached'
    | 'delete_stuck';
  readonly message: string;
}

export interface BudgetOutlook {
  readonly limitMicros: number | null;
  readonly committedMicros: number;
  /** What the living servers may still cost at worst, beyond what is committed. */
  readonly reservedMicros: number;
}
