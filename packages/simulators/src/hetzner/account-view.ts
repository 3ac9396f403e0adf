import { billAt, type Bill } from './billing.ts';
import { removeServer } from './remove-server.ts';
import { isLocked } from './resources/server.ts';
import type { Account, Limits, Project, Server, ServerStatus } from './state.ts';
import type { Stock } from './stock.ts';

/** A server that exists, and therefore costs money. */
export interface LiveServer {
  id: number;
  name: string;
  project: string;
  labels: Readonly<Record<string, string>>;
  status: ServerStatus;
  serverType: string;
  location: string;
  ipv4: string | null;
  createdAt: number;
  /** When the machine inside was up; undefined as long as it is not. */
  bootedAt: number | undefined;
  isLocked: boolean;
  isDeleteProtected: boolean;
  userData: string;
}

/** What a test sees and does behind the API's back; every look is at the time of the clock. */
export interface AccountView {
  servers(): LiveServer[];
  /** Net, in millionths of a euro; up to now, or to another point in time. */
  bill(now?: number): Bill;
  /** The whole state of one project; look, but change it only through the API. */
  project(name?: string): Project;
  /** Room for as many servers of a type in a location as are set; endless otherwise. */
  readonly stock: Stock;
  /** May be changed at any time. */
  readonly limits: Limits;
  /** The server is gone, and nobody asked for it. */
  vanish(serverId: number): void;
  /** As if somebody else had made that many requests with a token of the project. */
  useUpRequests(count: number, project?: string): void;
}

export interface AccountDriver {
  now(): number;
  /** Brings the account up to now, and lets machines follow. */
  settle(): void;
}

export function createAccountView(account: Account, driver: AccountDriver): AccountView {
  const project = (name = account.projects[0]?.name): Project => {
    driver.settle();
    const found = account.projects.find((candidate) => candidate.name === name);
    if (!found) throw new Error(`there is no project ${name}`);
    return found;
  };
  return {
    project,
    stock: account.stock,
    limits: account.limits,
    servers: () => {
      driver.settle();
      return account.projects.flatMap((home) =>
        [...home.servers.values()].map((server) => describe(home, server, driver.now())),
      );
    },
    bill: (now = driver.now()) => {
      driver.settle();
      return billAt(account.billLines, now);
    },
    vanish: (serverId) => {
      driver.settle();
      for (const home of account.projects) {
        const server = home.servers.get(serverId);
        if (server) removeServer({ account, project: home }, server, driver.now());
      }
      driver.settle();
    },
    useUpRequests: (count, name) => project(name).rateLimit.use(count, driver.now()),
  };
}

function describe(project: Project, server: Server, now: number): LiveServer {
  const ipv4 = server.ipv4Id === null ? undefined : project.primaryIps.get(server.ipv4Id);
  return {
    id: server.id,
    name: server.name,
    project: project.name,
    labels: server.labels,
    status: server.status,
    serverType: server.type.name,
    location: server.location.name,
    ipv4: ipv4?.ip ?? null,
    createdAt: server.createdAt,
    bootedAt: server.bootedAt,
    isLocked: isLocked(server, now),
    isDeleteProtected: server.protection.delete,
    userData: server.userData,
  };
}
