export { canonicalCidr } from './canonical-cidr.ts';
export { diffRules, type RulesDiff } from './diff-rules.ts';
export { ensureFirewall, type EnsuredFirewall } from './ensure-firewall.ts';
export { canonicalRules, workerRules, type FirewallRule } from './rules.ts';
