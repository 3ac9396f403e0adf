import { cutPower, type Home } from './power.ts';
import type { PrimaryIp, Server } from './state.ts';

/** It is gone: nothing is billed any more, and what was attached is detached or goes with it. */
export function removeServer({ account, project }: Home, server: Server, at: number): void {
  cutPower(account, server);
  project.servers.delete(server.id);
  account.stock.giveBack(server.type.name, server.location.name);
  project.firewalls.forEach(({ serverIds }) => serverIds.delete(server.id));
  endBilling({ account, project }, { kind: 'server', id: server.id }, at);
  for (const ip of project.primaryIps.values()) {
    if (ip.serverId === server.id) leavePrimaryIp({ account, project }, ip, at);
  }
}

function leavePrimaryIp(home: Home, ip: PrimaryIp, at: number): void {
  if (ip.isAutoDelete && !ip.isDeleteProtected) removePrimaryIp(home, ip, at);
  else Object.assign(ip, { serverId: null });
}

/** The address counts towards the limit for a while longer: it is released in the background. */
export function removePrimaryIp({ account, project }: Home, ip: PrimaryIp, at: number): void {
  project.primaryIps.delete(ip.id);
  if (ip.type !== 'ipv4') return;
  endBilling({ account, project }, { kind: 'ipv4', id: ip.id }, at);
  account.releasingIps += 1;
  account.timeline.schedule(at + account.timings.primaryIpReleaseMs, () => {
    account.releasingIps -= 1;
  });
}

export function endBilling(
  { account }: Home,
  billed: { kind: 'server' | 'ipv4'; id: number },
  at: number,
): void {
  for (const line of account.billLines) {
    if (line.kind === billed.kind && line.id === billed.id && line.endsAt === null) {
      line.endsAt = at;
    }
  }
}
