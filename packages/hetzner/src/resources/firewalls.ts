import { z } from 'zod';

import { actionsReply, actionSchema, type Action } from '../actions/action.ts';
import { deleteOrGone, listAll, type Api, type CallOptions } from '../api.ts';
import { canonicalRules, type FirewallRule } from '../firewall/rules.ts';
import { toLabelSelector, type Labels } from '../labels.ts';

/** A server, or every server that has these labels, also those to come. */
export type FirewallTarget = { serverId: number } | { labels: Labels };

export interface Firewall {
  id: number;
  name: string;
  labels: Labels;
  rules: readonly FirewallRule[];
  appliedTo: readonly ({ serverId: number } | { labelSelector: string })[];
}

export interface FirewallRequest {
  name: string;
  rules: readonly FirewallRule[];
  labels?: Labels;
  applyTo?: readonly FirewallTarget[];
}

/** Rules are brought into canonical form, or refused with AppError invalid_request, before anything is sent. */
export interface FirewallsResource {
  list(filter?: { labels?: Labels }, options?: CallOptions): Promise<Firewall[]>;
  get(id: number, options?: CallOptions): Promise<Firewall>;
  findByName(name: string, options?: CallOptions): Promise<Firewall | undefined>;
  create(
    request: FirewallRequest,
    options?: CallOptions,
  ): Promise<{ firewall: Firewall; actions: Action[] }>;
  /** Replaces all rules. None at all means that nothing comes in. */
  setRules(id: number, rules: readonly FirewallRule[], options?: CallOptions): Promise<Action[]>;
  apply(id: number, targets: readonly FirewallTarget[], options?: CallOptions): Promise<Action[]>;
  remove(id: number, targets: readonly FirewallTarget[], options?: CallOptions): Promise<Action[]>;
  /** Throws `resource_in_use` while it is applied to anything. */
  delete(id: number, options?: CallOptions): Promise<'deleted' | 'gone'>;
}

const ruleSchema = z
  .object({
    direction: z.enum(['in', 'out']),
    protocol: z.enum(['tcp', 'udp', 'icmp', 'esp', 'gre']),
    port: z.string().nullish(),
    source_ips: z.array(z.string()).nullish(),
    destination_ips: z.array(z.string()).nullish(),
    description: z.string().nullish(),
  })
  .transform((wire): FirewallRule => ({
    direction: wire.direction,
    protocol: wire.protocol,
    port: wire.port ?? null,
    cidrs: (wire.direction === 'in' ? wire.source_ips : wire.destination_ips) ?? [],
    description: wire.description ?? null,
  }));

const appliedToSchema = z.union([
  z
    .object({ type: z.literal('server'), server: z.object({ id: z.int() }) })
    .transform(({ server }) => ({ serverId: server.id })),
  z
    .object({
      type: z.literal('label_selector'),
      label_selector: z.object({ selector: z.string() }),
    })
    .transform((wire) => ({ labelSelector: wire.label_selector.selector })),
]);

const firewallSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    rules: z.array(ruleSchema),
    applied_to: z.array(appliedToSchema),
  })
  .transform(({ applied_to: appliedTo, ...rest }): Firewall => ({ ...rest, appliedTo }));

const firewallReply = z.object({ firewall: firewallSchema }).transform(({ firewall }) => firewall);
const createReply = z.object({
  firewall: firewallSchema,
  actions: z.array(actionSchema).default([]),
});

export function firewallsResource(api: Api): FirewallsResource {
  const collection = { path: '/firewalls', key: 'firewalls', item: firewallSchema };
  const act = (
    id: number,
    { name, body }: { name: string; body: Record<string, unknown> },
    options: CallOptions | undefined,
  ) => {
    const call = { method: 'POST', path: `/firewalls/${id}/actions/${name}`, body } as const;
    return api.send({ ...call, reply: actionsReply }, options);
  };
  return {
    list: ({ labels } = {}, options) => {
      const query = { sort: 'id:asc', label_selector: labels && toLabelSelector(labels) };
      return listAll(api, { ...collection, query }, options);
    },
    get: (id, options) =>
      api.send({ method: 'GET', path: `/firewalls/${id}`, reply: firewallReply }, options),
    findByName: async (name, options) =>
      (await listAll(api, { ...collection, query: { name } }, options))[0],
    create: async ({ name, rules, labels, applyTo }, options) => {
      const body = {
        ...{ name, labels: labels ?? {}, rules: toWireRules(rules) },
        apply_to: (applyTo ?? []).map(toWireTarget),
      };
      return api.send({ method: 'POST', path: '/firewalls', body, reply: createReply }, options);
    },
    setRules: async (id, rules, options) =>
      act(id, { name: 'set_rules', body: { rules: toWireRules(rules) } }, options),
    apply: (id, targets, options) => {
      const body = { apply_to: targets.map(toWireTarget) };
      return act(id, { name: 'apply_to_resources', body }, options);
    },
    remove: (id, targets, options) => {
      const body = { remove_from: targets.map(toWireTarget) };
      return act(id, { name: 'remove_from_resources', body }, options);
    },
    delete: (id, options) => deleteOrGone(api, `/firewalls/${id}`, options),
  };
}

function toWireRules(rules: readonly FirewallRule[]): Record<string, unknown>[] {
  return canonicalRules(rules).map(({ direction, protocol, port, cidrs, description }) => ({
    ...{ direction, protocol, description },
    ...(port === null ? {} : { port }),
    source_ips: direction === 'in' ? cidrs : [],
    destination_ips: direction === 'out' ? cidrs : [],
  }));
}

function toWireTarget(target: FirewallTarget): Record<string, unknown> {
  if ('serverId' in target) return { type: 'server', server: { id: target.serverId } };
  const selector = toLabelSelector(target.labels);
  return { type: 'label_selector', label_selector: { selector } };
}
