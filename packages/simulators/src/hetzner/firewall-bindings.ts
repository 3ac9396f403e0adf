import type { Call } from './call.ts';
import { parseSelector } from './labels.ts';
import { startAction, type Step } from './start-actions.ts';
import type { Action, Firewall, Server } from './state.ts';

/** Brings every server's firewalls in line with what names it, directly or by its labels. */
export function reconcileFirewalls(call: Call, at = call.now): Action[] {
  return [...call.project.servers.values()]
    .filter((server) => server.status !== 'initializing' && server.status !== 'deleting')
    .flatMap((server) => reconcileServer(call, server, at));
}

/** The servers a label selector stands for at the moment. */
export function selectServers(call: Call, selector: string): Server[] {
  const matches = parseSelector(selector);
  return [...call.project.servers.values()].filter(
    (server) => matches(server.labels) && hasPublicNet(server),
  );
}

export function hasPublicNet(server: Server): boolean {
  return server.ipv4Id !== null || server.ipv6Id !== null;
}

function reconcileServer(call: Call, server: Server, at: number): Action[] {
  const firewalls = [...call.project.firewalls.values()];
  const wanted = new Set(firewalls.filter((firewall) => names(firewall, server)));
  const steps = firewalls.flatMap((firewall): Step[] => {
    const isApplied = server.firewalls.has(firewall.id);
    if (wanted.has(firewall) === isApplied) return [];
    return [isApplied ? removeStep(call, server, firewall) : applyStep(call, server, firewall)];
  });
  return steps.map((step) => startAction(call, step, at));
}

function names(firewall: Firewall, server: Server): boolean {
  if (firewall.serverIds.has(server.id)) return true;
  return (
    hasPublicNet(server) &&
    [...firewall.selectors].some((selector) => parseSelector(selector)(server.labels))
  );
}

/** Until the action is over, the server shows the firewall as pending. */
export function applyStep({ account }: Call, server: Server, firewall: Firewall): Step {
  return {
    command: 'apply_firewall',
    resources: [
      { id: server.id, type: 'server' },
      { id: firewall.id, type: 'firewall' },
    ],
    durationMs: account.timings.changeMs,
    onStart: () => server.firewalls.set(firewall.id, 'pending'),
    onSuccess: () => server.firewalls.set(firewall.id, 'applied'),
  };
}

function removeStep({ account }: Call, server: Server, firewall: Firewall): Step {
  return {
    command: 'remove_firewall',
    resources: [
      { id: server.id, type: 'server' },
      { id: firewall.id, type: 'firewall' },
    ],
    durationMs: account.timings.changeMs,
    onStart: () => server.firewalls.delete(firewall.id),
  };
}
