import { createRealClock, type Clock } from '../clock.ts';
import { createAccountView, type AccountView } from './account-view.ts';
import type { Reply } from './call.ts';
import { createAccount, type AccountOptions, type TokenOptions } from './create-account.ts';
import type { FaultBook } from './faults.ts';
import { handleRequest, rateLimitOf, type ApiRequest } from './handle-request.ts';
import { createFetch } from './in-process-fetch.ts';
import { HttpFront } from './http-front.ts';
import { MachineRoom, type Machines } from './machines.ts';
import { chooseTransport } from './transport-faults.ts';

export interface HetznerSimulatorOptions extends Omit<AccountOptions, 'tokens'> {
  /** One that may do everything, if left out. */
  tokens?: readonly TokenOptions[];
  /** The time of this machine, if left out. */
  clock?: Clock;
  /** Nothing runs inside the servers, if left out. */
  machines?: Machines;
  /** A machine that would not boot or stop; thrown, if left out. */
  onMachineError?: (error: unknown) => void;
  /** Sees every reply that the API makes, also those that are lost on their way. */
  onExchange?: (exchange: Exchange) => void;
}

export interface Exchange {
  readonly request: ApiRequest;
  readonly reply: Reply;
}

export interface HetznerSimulator {
  /** Port 0 takes any that is free. The result is `url`. */
  listen(port?: number, host?: string): Promise<string>;
  /** What official clients take as HCLOUD_ENDPOINT: it ends in /v1. */
  readonly url: string;
  /** Of the default token, or of the first that was given. */
  readonly token: string;
  /** The same API without a socket, for what makes very many requests. */
  readonly fetch: typeof fetch;
  readonly account: AccountView;
  readonly faults: FaultBook;
  readonly clock: Clock;
  /** Stops listening and all machines. */
  close(): Promise<void>;
}

/** As long as real ones. */
const DEFAULT_TOKEN = 'simulated'.padEnd(64, '0');

/** A Hetzner Cloud account that official clients take for a real one. */
export function createHetznerSimulator(options: HetznerSimulatorOptions = {}): HetznerSimulator {
  const { clock = createRealClock(), tokens = [{ token: DEFAULT_TOKEN }] } = options;
  const account = createAccount({ ...options, tokens });
  const machines = new MachineRoom(options.machines ?? EMPTY_ROOM, options.onMachineError ?? raise);
  let callOff = (): void => undefined;

  const settle = (): void => {
    account.timeline.runUntil(clock.now());
    machines.follow(account);
    callOff();
    const { nextAt } = account.timeline;
    callOff = nextAt === undefined ? () => undefined : clock.wakeAt(nextAt, settle);
  };

  const serve = async (request: ApiRequest): Promise<Reply | undefined> => {
    const { isCut, delayMs, reply: instead } = chooseTransport(account.faults, request);
    const arrivedAt = clock.now();
    let reply: Reply | undefined;
    if (instead) {
      const headers = rateLimitOf(account, request).headers(arrivedAt);
      reply = { ...instead, headers: { ...headers, ...instead.headers } };
    } else if (isCut !== 'before') {
      reply = handleRequest(account, request, arrivedAt);
      options.onExchange?.({ request, reply });
    }
    settle();
    if (delayMs > 0) await passTime(clock, arrivedAt + delayMs);
    return isCut === undefined ? reply : undefined;
  };

  const front = new HttpFront(serve);
  return {
    listen: (port = 0, host = '127.0.0.1') => front.listen(port, host),
    get url() {
      return front.url;
    },
    token: tokens[0]?.token ?? '',
    fetch: createFetch(serve),
    account: createAccountView(account, { now: () => clock.now(), settle }),
    faults: account.faults,
    clock,
    close: async () => {
      callOff();
      await front.close();
      await machines.stopAll();
    },
  };
}

const EMPTY_ROOM: Machines = { boot: () => Promise.resolve() };

function raise(error: unknown): void {
  // Nobody waits for a machine: an error that is thrown here would be lost.
  queueMicrotask(() => {
    throw error;
  });
}

function passTime(clock: Clock, until: number): Promise<void> {
  return new Promise((resolve) => {
    clock.wakeAt(until, resolve);
  });
}
