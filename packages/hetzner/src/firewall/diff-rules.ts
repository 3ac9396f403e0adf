import { canonicalJson } from '@nexus/kit/hash';

import { canonicalRules, normaliseRule, type FirewallRule } from './rules.ts';

export interface RulesDiff {
  isSame: boolean;
  added: FirewallRule[];
  removed: FirewallRule[];
}

/** What would change, whatever the order of rules and however the same network is written. */
export function diffRules(
  current: readonly FirewallRule[],
  wanted: readonly FirewallRule[],
): RulesDiff {
  const currentByKey = byKey(current.map(normaliseRule));
  const wantedByKey = byKey(canonicalRules(wanted));
  const added = missingFrom(currentByKey, wantedByKey);
  const removed = missingFrom(wantedByKey, currentByKey);
  return { isSame: added.length === 0 && removed.length === 0, added, removed };
}

function byKey(rules: readonly FirewallRule[]): Map<string, FirewallRule> {
  return new Map(rules.map((rule) => [canonicalJson(rule), rule]));
}

function missingFrom(
  present: ReadonlyMap<string, FirewallRule>,
  rules: ReadonlyMap<string, FirewallRule>,
): FirewallRule[] {
  return [...rules].filter(([key]) => !present.has(key)).map(([, rule]) => rule);
}
