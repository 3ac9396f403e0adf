import { z } from 'zod';

import { invalidInput } from '../errors.ts';
import { canonicalCidr } from '../ip-addresses.ts';
import type { FirewallRule } from '../state.ts';

const MAX_RULES = 50;
const MAX_CIDRS = 100;

const cidrsSchema = z
  .array(z.string())
  .max(MAX_CIDRS)
  .default(() => []);

export const rulesSchema = z
  .array(
    z.object({
      description: z.string().max(255).nullish(),
      direction: z.enum(['in', 'out']),
      source_ips: cidrsSchema,
      destination_ips: cidrsSchema,
      protocol: z.enum(['tcp', 'udp', 'icmp', 'esp', 'gre']),
      port: z.string().nullish(),
    }),
  )
  .max(MAX_RULES);

/** The rules as they are kept: IPv6 ranges in their canonical form. Throws if one cannot be. */
export function checkRules(rules: z.infer<typeof rulesSchema>): FirewallRule[] {
  return rules.map((rule, index) => {
    const at = `rules.${index}`;
    const port = rule.port ?? null;
    checkPort({ protocol: rule.protocol, port }, at);
    const [used, unused] =
      rule.direction === 'in'
        ? (['source_ips', 'destination_ips'] as const)
        : (['destination_ips', 'source_ips'] as const);
    if (rule[used].length === 0) throw invalidInput(`${at}.${used}`, 'must not be empty');
    if (rule[unused].length > 0) {
      throw invalidInput(`${at}.${unused}`, `must be empty for direction ${rule.direction}`);
    }
    return {
      description: rule.description ?? null,
      direction: rule.direction,
      source_ips: canonical(rule.source_ips, `${at}.source_ips`),
      destination_ips: canonical(rule.destination_ips, `${at}.destination_ips`),
      protocol: rule.protocol,
      port,
    };
  });
}

function canonical(cidrs: readonly string[], field: string): string[] {
  return cidrs.map((cidr) => {
    const range = canonicalCidr(cidr);
    if (range === undefined) throw invalidInput(field, `${cidr} is not a valid CIDR`);
    return range;
  });
}

function checkPort({ protocol, port }: Pick<FirewallRule, 'protocol' | 'port'>, at: string): void {
  const hasPorts = protocol === 'tcp' || protocol === 'udp';
  if (hasPorts !== (port !== null)) {
    throw invalidInput(`${at}.port`, `must ${hasPorts ? '' : 'not '}be set for ${protocol}`);
  }
  if (port !== null && !isPort(port)) throw invalidInput(`${at}.port`, 'is not a port or a range');
}

// `any` is not in the specification, but accepted.
function isPort(text: string): boolean {
  if (text === 'any') return true;
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  return match !== null && first >= 1 && first <= last && last <= 65_535;
}
