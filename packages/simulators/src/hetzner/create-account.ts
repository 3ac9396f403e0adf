import { createRandom } from '../random.ts';
import { Timeline } from '../timeline.ts';
import { FaultBook } from './faults.ts';
import { RateLimit } from './rate-limit.ts';
import type { Account, Limits, Project, Timings } from './state.ts';
import { Stock } from './stock.ts';

export interface TokenOptions {
  token: string;
  /** Tokens of one project share its resources and its rate limit. */
  project?: string;
  isReadOnly?: boolean;
}

export interface AccountOptions {
  tokens: readonly TokenOptions[];
  limits?: Partial<Limits>;
  timings?: Partial<Timings>;
  requestsPerHour?: number;
  /** Of the generator that ordered faults with a probability draw from. */
  faultSeed?: number;
}

/** As a system image in a quiet hour behaves; real ones vary, for which there are faults to order. */
const DEFAULT_TIMINGS: Timings = {
  createMs: 8000,
  createFromSnapshotMs: 140_000,
  startMs: 3000,
  stopMs: 2000,
  shutdownMs: 5000,
  deleteMs: 2000,
  rebuildMs: 10_000,
  changeMs: 1000,
  snapshotMs: 60_000,
  bootMs: 20_000,
  primaryIpReleaseMs: 30_000,
};

const DEFAULT_LIMITS: Limits = { servers: 100, primaryIps: 100, firewalls: 50 };

const DEFAULT_REQUESTS_PER_HOUR = 3600;

export function createAccount(options: AccountOptions): Account {
  const requestsPerHour = options.requestsPerHour ?? DEFAULT_REQUESTS_PER_HOUR;
  const projects = new Map<string, Project>();
  const tokens: Account['tokens'] = new Map();
  for (const { token, project: name = 'default', isReadOnly = false } of options.tokens) {
    const project = projects.get(name) ?? createProject(name, requestsPerHour);
    projects.set(name, project);
    tokens.set(token, { project, isReadOnly });
  }
  return {
    projects: [...projects.values()],
    tokens,
    anonymousRateLimit: new RateLimit(requestsPerHour),
    timeline: new Timeline(),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    timings: { ...DEFAULT_TIMINGS, ...options.timings },
    stock: new Stock(),
    faults: new FaultBook(createRandom(options.faultSeed ?? 1)),
    billLines: [],
    machineEvents: [],
    releasingIps: 0,
    lastId: 1_000_000,
    requestCount: 0,
  };
}

function createProject(name: string, requestsPerHour: number): Project {
  return {
    name,
    rateLimit: new RateLimit(requestsPerHour),
    sshKeys: new Map(),
    servers: new Map(),
    firewalls: new Map(),
    networks: new Map(),
    placementGroups: new Map(),
    primaryIps: new Map(),
    snapshots: new Map(),
    actions: new Map(),
  };
}
