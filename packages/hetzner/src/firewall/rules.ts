import { AppError } from '@nexus/kit/errors';

import { canonicalCidr } from './canonical-cidr.ts';

/** What may pass. Without a rule for a direction nothing comes in, and everything goes out. */
export interface FirewallRule {
  direction: 'in' | 'out';
  protocol: 'tcp' | 'udp' | 'icmp' | 'esp' | 'gre';
  /** `80` or `1024-5000`; null for protocols without ports. */
  port: string | null;
  /** Where it comes from (in) or goes to (out). */
  cidrs: readonly string[];
  description: string | null;
}

const MAX_RULES = 50;
const MAX_CIDRS = 100;
const MAX_DESCRIPTION = 255;

/**
 * Rules in the one form in which they can be compared. Throws AppError invalid_request with every
 * problem at once: a firewall that is half in force is worse than a refusal.
 */
export function canonicalRules(rules: readonly FirewallRule[]): FirewallRule[] {
  const problems = rules.flatMap((rule, index) =>
    problemsOf(rule).map((problem) => `rule ${index + 1} ${problem}`),
  );
  if (rules.length > MAX_RULES) problems.push(`there are more than ${MAX_RULES} rules`);
  if (problems.length > 0) {
    throw new AppError('invalid_request', `the firewall cannot be: ${problems.join('; ')}`, {
      details: { problems },
    });
  }
  return rules.map(normaliseRule);
}

/** Keeps what it does not understand: rules that are in force may be somebody else's. */
export function normaliseRule(rule: FirewallRule): FirewallRule {
  return {
    ...rule,
    port: normalisePort(rule.port),
    cidrs: [...new Set(rule.cidrs.map((cidr) => canonicalCidr(cidr) ?? cidr))].toSorted(),
    // An empty description comes back as none.
    description: rule.description === '' ? null : rule.description,
  };
}

function problemsOf({ protocol, port, cidrs, description }: FirewallRule): string[] {
  const hasPorts = protocol === 'tcp' || protocol === 'udp';
  return [
    ...cidrs
      .filter((cidr) => canonicalCidr(cidr) === undefined)
      .map((cidr) => `has "${cidr}", which is no network (such as 192.0.2.0/24)`),
    ...(cidrs.length === 0 ? ['names no network'] : []),
    ...(cidrs.length > MAX_CIDRS ? [`has more than ${MAX_CIDRS} networks`] : []),
    ...(hasPorts && !isPort(port) ? [`needs a port or a range of ports, not "${port}"`] : []),
    ...(!hasPorts && port !== null ? [`has a port, and ${protocol} has none`] : []),
    ...((description ?? '').length > MAX_DESCRIPTION
      ? [`has a description of more than ${MAX_DESCRIPTION} characters`]
      : []),
  ];
}

function isPort(port: string | null): boolean {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(port ?? '');
  if (!match) return false;
  const first = Number(match[1]);
  const last = Number(match[2] ?? first);
  return first >= 1 && first <= last && last <= 65_535;
}

function normalisePort(port: string | null): string | null {
  if (port === null || !isPort(port)) return port;
  const [first, last] = port.split('-').map(Number);
  return last === undefined || first === last ? String(first) : `${first}-${last}`;
}

/** What a worker's firewall lets in: SSH from where the operator says, and nothing else. */
export function workerRules(sshFrom: readonly string[]): FirewallRule[] {
  if (sshFrom.length === 0) return [];
  return [
    {
      direction: 'in',
      protocol: 'tcp',
      port: '22',
      cidrs: sshFrom,
      description: 'SSH for the operator',
    },
  ];
}
