import type { Step } from './start-actions.ts';
import type { Account, Project, Server } from './state.ts';

/** The account and project a server is in. */
export interface Home {
  readonly account: Account;
  readonly project: Project;
}

/** Power is on; the machine inside is up some time later, unless it is to hang. */
export function powerUp({ account, project }: Home, server: Server, at: number): void {
  server.status = 'running';
  server.powerCycle += 1;
  const { powerCycle } = server;
  if (server.boot.isStuck) return;
  account.timeline.schedule(at + account.timings.bootMs + server.boot.extraMs, (bootedAt) => {
    if (server.powerCycle !== powerCycle || project.servers.get(server.id) !== server) return;
    server.bootedAt = bootedAt;
    account.machineEvents.push({ kind: 'booted', server, project });
  });
}

export function cutPower(account: Account, server: Server): void {
  server.powerCycle += 1;
  if (server.bootedAt === undefined) return;
  server.bootedAt = undefined;
  server.hasBootedBefore = true;
  account.machineEvents.push({ kind: 'stopped', serverId: server.id });
}

export function serverStep(server: Server, step: Omit<Step, 'resources'>): Step {
  return { ...step, resources: [{ id: server.id, type: 'server' }] };
}

export function startStep(home: Home, server: Server): Step {
  return serverStep(server, {
    command: 'start_server',
    durationMs: home.account.timings.startMs,
    onStart: () => {
      server.status = 'starting';
    },
    onSuccess: (at) => powerUp(home, server, at),
    onFailure: () => {
      server.status = 'off';
    },
  });
}

export function stopStep({ account }: Home, server: Server): Step {
  return serverStep(server, {
    command: 'stop_server',
    durationMs: account.timings.stopMs,
    onStart: () => {
      server.status = 'stopping';
    },
    onSuccess: () => {
      cutPower(account, server);
      server.status = 'off';
    },
    onFailure: () => {
      server.status = 'running';
    },
  });
}

/** Succeeds as soon as the signal is sent; the server goes down when its operating system has. */
export function shutdownStep({ account }: Home, server: Server): Step {
  return serverStep(server, {
    command: 'shutdown_server',
    durationMs: account.timings.changeMs,
    onSuccess: (at) => {
      const { powerCycle } = server;
      account.timeline.schedule(at + account.timings.shutdownMs, () => {
        if (server.powerCycle !== powerCycle || server.status !== 'running') return;
        cutPower(account, server);
        server.status = 'off';
      });
    },
  });
}

export function restartStep(
  home: Home,
  server: Server,
  command: 'reboot_server' | 'reset_server',
): Step {
  return serverStep(server, {
    command,
    durationMs: home.account.timings.startMs,
    onSuccess: (at) => {
      cutPower(home.account, server);
      powerUp(home, server, at);
    },
  });
}
