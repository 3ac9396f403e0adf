/** Something to go wrong. The first group strikes any request, the second what a request asks for. */
export type Fault =
  /** The connection is cut: before the request has been acted on, or after. */
  | { kind: 'reply_lost'; isActedOn: boolean }
  /** An error of the API itself instead of acting: 429, 500, 502, 503, 504, or 423 `locked`. */
  | { kind: 'error'; status: 423 | 429 | 500 | 502 | 503 | 504 }
  /** A page of a proxy in front of the API instead of acting. */
  | { kind: 'html'; status: number }
  /** Acts at once and answers late. */
  | { kind: 'slow_reply'; delayMs: number }
  //
  /** 412, although type and location are shown as available. Everything, if neither is named. */
  | { kind: 'sold_out'; serverType?: string; location?: string; message?: string }
  | { kind: 'location_disabled'; location: string }
  | { kind: 'limit_exceeded'; limit: 'servers' | 'primary_ips' }
  /** The server runs, and its machine comes up late or never. */
  | { kind: 'slow_boot'; extraMs: number }
  | { kind: 'stuck_boot' }
  /** An action of that command (`create_server`, `start_server`, …) takes longer, never ends, or fails. */
  | { kind: 'slow_action'; command: string; extraMs: number }
  | { kind: 'stuck_action'; command: string }
  | { kind: 'failed_action'; command: string; code?: string; message?: string }
  /** The server is made without the IPv4 address that was asked for. */
  | { kind: 'no_ipv4' }
  /** The delete is accepted, its action fails, and the server stays: locked for a while, or protected. */
  | { kind: 'delete_stays'; reason: 'locked'; lockedMs: number }
  | { kind: 'delete_stays'; reason: 'protected' }
  /** The server is gone some time after its creation, though nobody deleted it. */
  | { kind: 'server_vanishes'; afterMs: number };

export type FaultKind = Fault['kind'];
export type FaultOf<Kind extends FaultKind> = Extract<Fault, { kind: Kind }>;

/** When a fault strikes. What is left out does not matter; without any, it strikes every time. */
export interface FaultOrder {
  fault: Fault;
  method?: string;
  /** Below `/v1`; `*` stands for one segment: `/servers/*`. */
  path?: string;
  /** Only the nth occasion from now on, counted from 1. */
  nth?: number;
  /** At most that often. */
  times?: number;
  probability?: number;
}

export interface FaultRequest {
  readonly method: string;
  readonly path: string;
}

/** An order in the book. */
export class OrderedFault {
  readonly order: FaultOrder;
  /** Occasions on which it could have struck, and on which it did. */
  seen = 0;
  struck = 0;
  isCancelled = false;

  constructor(order: FaultOrder) {
    this.order = order;
  }

  cancel(): void {
    this.isCancelled = true;
  }
}

export class FaultBook {
  #orders: OrderedFault[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  order(order: FaultOrder): OrderedFault {
    const ordered = new OrderedFault(order);
    this.#orders.push(ordered);
    return ordered;
  }

  clear(): void {
    this.#orders = [];
  }

  /** The first fault of that kind that strikes on this occasion. */
  take<Kind extends FaultKind>(
    kind: Kind,
    request: FaultRequest,
    isMeant: (fault: FaultOf<Kind>) => boolean = () => true,
  ): FaultOf<Kind> | undefined {
    for (const ordered of this.#orders) {
      const { fault } = ordered.order;
      if (isOfKind(fault, kind) && isMeant(fault) && concerns(ordered.order, request)) {
        if (this.#strikes(ordered)) return fault;
      }
    }
    return undefined;
  }

  #strikes(ordered: OrderedFault): boolean {
    const { nth, times = Number.POSITIVE_INFINITY, probability = 1 } = ordered.order;
    if (ordered.isCancelled) return false;
    ordered.seen += 1;
    if ((nth !== undefined && ordered.seen !== nth) || ordered.struck >= times) return false;
    if (probability < 1 && this.#random() >= probability) return false;
    ordered.struck += 1;
    return true;
  }
}

function isOfKind<Kind extends FaultKind>(fault: Fault, kind: Kind): fault is FaultOf<Kind> {
  return fault.kind === kind;
}

function concerns({ method, path }: FaultOrder, request: FaultRequest): boolean {
  if (method !== undefined && method !== request.method) return false;
  if (path === undefined) return true;
  const wanted = path.split('/');
  const actual = request.path.split('/');
  return (
    wanted.length === actual.length &&
    wanted.every((segment, index) => segment === '*' || segment === actual[index])
  );
}
