import { z } from 'zod';

import { idOf, parseBody, reply, route, type Call, type Route } from '../call.ts';
import { ApiError, invalidInput, limitExceeded, notFound } from '../errors.ts';
import {
  applyStep,
  hasPublicNet,
  reconcileFirewalls,
  selectServers,
} from '../firewall-bindings.ts';
import { parseSelector } from '../labels.ts';
import { BY_CREATION, filterByQuery, listReply } from '../listing.ts';
import { startAction } from '../start-actions.ts';
import { nextId, type Action, type Firewall, type Server } from '../state.ts';
import { renderTime, toSecond } from '../times.ts';
import { actionRoutesOf, renderAction } from './actions.ts';
import { checkRules, rulesSchema } from './firewall-rules.ts';
import { checkNameIsFree, idSchema, labelsSchema, nameSchema, updateResource } from './resource.ts';

export const MAX_FIREWALLS_PER_SERVER = 5;

const targetsSchema = z.array(
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('server'), server: z.object({ id: idSchema }) }),
    z.object({
      type: z.literal('label_selector'),
      label_selector: z.object({ selector: z.string().min(1) }),
    }),
  ]),
);
type Target = z.infer<typeof targetsSchema>[number];

const createSchema = z.object({
  name: nameSchema,
  labels: labelsSchema,
  rules: rulesSchema.default(() => []),
  apply_to: targetsSchema.default(() => []),
});

function renderFirewall(call: Call, firewall: Firewall) {
  return {
    id: firewall.id,
    name: firewall.name,
    labels: firewall.labels,
    created: renderTime(firewall.createdAt),
    rules: firewall.rules,
    applied_to: [
      ...[...firewall.serverIds].map((id) => ({ type: 'server', server: { id } })),
      ...[...firewall.selectors].map((selector) => ({
        type: 'label_selector',
        label_selector: { selector },
        applied_to_resources: selectServers(call, selector).map(({ id }) => ({
          type: 'server',
          server: { id },
        })),
      })),
    ],
  };
}

export const firewallRoutes: readonly Route[] = [
  route('GET', '/firewalls', (call) =>
    listReply(call, {
      key: 'firewalls',
      items: filterByQuery(call, call.project.firewalls.values()),
      render: (firewall) => renderFirewall(call, firewall),
      sortBy: BY_CREATION,
    }),
  ),
  route('POST', '/firewalls', createFirewall),
  ...actionRoutesOf('firewalls', 'firewall', (call) => getFirewall(call, idOf(call))),
  route('GET', '/firewalls/{id}', (call) =>
    reply(200, { firewall: renderFirewall(call, getFirewall(call, idOf(call))) }),
  ),
  route('PUT', '/firewalls/{id}', (call) => {
    const firewall = getFirewall(call, idOf(call));
    updateResource(call, firewall, call.project.firewalls);
    return reply(200, { firewall: renderFirewall(call, firewall) });
  }),
  route('DELETE', '/firewalls/{id}', (call) => {
    const firewall = getFirewall(call, idOf(call));
    if (firewall.serverIds.size > 0 || firewall.selectors.size > 0) {
      throw new ApiError('resource_in_use', `firewall with ID '${firewall.id}' is still in use`);
    }
    call.project.firewalls.delete(firewall.id);
    return reply(204);
  }),
  route('POST', '/firewalls/{id}/actions/set_rules', setRules),
  route('POST', '/firewalls/{id}/actions/apply_to_resources', applyToResources),
  route('POST', '/firewalls/{id}/actions/remove_from_resources', removeFromResources),
];

export function getFirewall(call: Call, id: number): Firewall {
  const firewall = call.project.firewalls.get(id);
  if (!firewall) throw notFound('firewall');
  return firewall;
}

function createFirewall(call: Call) {
  const { account, project } = call;
  const { name, labels = {}, rules, apply_to: targets } = parseBody(call, createSchema);
  checkNameIsFree(project.firewalls, name);
  const count = account.projects.reduce((sum, { firewalls }) => sum + firewalls.size, 0);
  if (count >= account.limits.firewalls) {
    throw limitExceeded('firewall_limit', 'firewall limit exceeded');
  }
  const firewall: Firewall = {
    ...{ id: nextId(account), name, labels, createdAt: toSecond(call.now) },
    ...{ rules: checkRules(rules), serverIds: new Set(), selectors: new Set() },
  };
  checkTargets(call, firewall, { targets, isNew: true });
  project.firewalls.set(firewall.id, firewall);
  const actions = addTargets(call, firewall, targets);
  return reply(201, { firewall: renderFirewall(call, firewall), ...renderActions(call, actions) });
}

function setRules(call: Call) {
  const firewall = getFirewall(call, idOf(call));
  const rules = checkRules(parseBody(call, z.object({ rules: rulesSchema })).rules);
  firewall.rules = rules;
  const servers = [...call.project.servers.values()].filter((server) =>
    server.firewalls.has(firewall.id),
  );
  const actions = [
    startAction(call, {
      command: 'set_firewall_rules',
      resources: [{ id: firewall.id, type: 'firewall' }],
      durationMs: call.account.timings.changeMs,
    }),
    ...servers.map((server) => startAction(call, applyStep(call, server, firewall))),
  ];
  return reply(201, renderActions(call, actions));
}

function applyToResources(call: Call) {
  const firewall = getFirewall(call, idOf(call));
  const { apply_to: targets } = parseBody(call, z.object({ apply_to: targetsSchema.min(1) }));
  checkTargets(call, firewall, { targets, isNew: false });
  return reply(201, renderActions(call, addTargets(call, firewall, targets)));
}

function removeFromResources(call: Call) {
  const firewall = getFirewall(call, idOf(call));
  const { remove_from: targets } = parseBody(call, z.object({ remove_from: targetsSchema.min(1) }));
  for (const target of targets) checkRemoval(call, firewall, target);
  for (const target of targets) {
    if (target.type === 'server') firewall.serverIds.delete(target.server.id);
    else firewall.selectors.delete(target.label_selector.selector);
  }
  return reply(201, renderActions(call, reconcileFirewalls(call)));
}

/** The same mistakes have other codes when the firewall is new. */
function checkTargets(
  call: Call,
  firewall: Firewall,
  { targets, isNew }: { targets: readonly Target[]; isNew: boolean },
): void {
  const seen = new Set<number>();
  for (const target of targets) {
    if (target.type === 'label_selector') {
      checkSelector(firewall, target.label_selector.selector);
      continue;
    }
    const server = findTargetServer(call, target.server.id, isNew ? 422 : 404);
    if (seen.has(server.id) || firewall.serverIds.has(server.id)) {
      throw isNew
        ? new ApiError('server_already_added', 'server is named more than once')
        : alreadyApplied();
    }
    seen.add(server.id);
    checkServer(server, isNew);
  }
}

function checkSelector(firewall: Firewall, selector: string): void {
  parseSelector(selector, 'label_selector.selector');
  if (firewall.selectors.has(selector)) throw alreadyApplied();
}

function checkServer(server: Server, isNew: boolean): void {
  if (!hasPublicNet(server)) {
    throw new ApiError(
      isNew ? 'incompatible_network_type' : 'private_net_only_server',
      'server has no public interface',
    );
  }
  if (server.firewalls.size >= MAX_FIREWALLS_PER_SERVER) {
    throw invalidInput(
      'apply_to',
      `a server can have ${MAX_FIREWALLS_PER_SERVER} firewalls at most`,
    );
  }
}

function alreadyApplied(): ApiError {
  return new ApiError('firewall_already_applied', 'firewall is already applied to resource');
}

function findTargetServer(call: Call, id: number, notFoundStatus: number): Server {
  const server = call.project.servers.get(id);
  if (server) return server;
  throw new ApiError('firewall_resource_not_found', `server with ID '${id}' not found`, {
    status: notFoundStatus,
  });
}

// Something that is not applied can be removed: since August 2025 that is no error any more.
function checkRemoval(call: Call, firewall: Firewall, target: Target): void {
  if (target.type === 'label_selector') return;
  const server = findTargetServer(call, target.server.id, 404);
  if (server.firewalls.has(firewall.id) && !firewall.serverIds.has(server.id)) {
    throw new ApiError(
      'firewall_managed_by_label_selector',
      'firewall is applied via a label selector and cannot be removed manually',
    );
  }
}

function addTargets(call: Call, firewall: Firewall, targets: readonly Target[]): Action[] {
  for (const target of targets) {
    if (target.type === 'server') firewall.serverIds.add(target.server.id);
    else firewall.selectors.add(target.label_selector.selector);
  }
  return reconcileFirewalls(call);
}

function renderActions(call: Call, actions: readonly Action[]) {
  return { actions: actions.map((action) => renderAction(call, action)) };
}
