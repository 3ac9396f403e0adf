import type { Action } from '../actions/action.ts';
import type { CallOptions } from '../api.ts';
import { hasCode } from '../errors.ts';
import type { Firewall, FirewallRequest, FirewallsResource } from '../resources/firewalls.ts';
import { diffRules, type RulesDiff } from './diff-rules.ts';

export interface EnsuredFirewall {
  id: number;
  /** Null: it was made just now. */
  diff: RulesDiff | null;
  /** In force when these have ended. */
  actions: Action[];
}

/** Sees to it that there is a firewall of that name with these rules. Only differences are written. */
export async function ensureFirewall(
  client: { firewalls: FirewallsResource },
  wanted: Pick<FirewallRequest, 'name' | 'rules' | 'labels'>,
  options: CallOptions = {},
): Promise<EnsuredFirewall> {
  const found = await client.firewalls.findByName(wanted.name, options);
  if (found) return align(client, { found, wanted }, options);
  try {
    const { firewall, actions } = await client.firewalls.create(wanted, options);
    return { id: firewall.id, diff: null, actions };
  } catch (error) {
    // Somebody was quicker, or an earlier try of ours, whose reply was lost.
    const made = hasCode(error, 'uniqueness_error')
      ? await client.firewalls.findByName(wanted.name, options)
      : undefined;
    if (!made) throw error;
    return align(client, { found: made, wanted }, options);
  }
}

async function align(
  client: { firewalls: FirewallsResource },
  { found, wanted }: { found: Firewall; wanted: Pick<FirewallRequest, 'rules'> },
  options: CallOptions,
): Promise<EnsuredFirewall> {
  const diff = diffRules(found.rules, wanted.rules);
  const actions = diff.isSame
    ? []
    : await client.firewalls.setRules(found.id, wanted.rules, options);
  return { id: found.id, diff, actions };
}
