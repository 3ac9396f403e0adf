import { expect, test } from 'vitest';

import { canonicalRules, diffRules, workerRules, type FirewallRule } from './index.ts';

const SSH: FirewallRule = {
  ...{ direction: 'in', protocol: 'tcp', port: '22', description: 'ssh' },
  cidrs: ['192.0.2.0/24', '2001:db8::/32'],
};
const PING: FirewallRule = {
  ...{ direction: 'in', protocol: 'icmp', port: null, description: null },
  cidrs: ['0.0.0.0/0'],
};

test('rules are the same in any order and any spelling', () => {
  const spelt = {
    ...SSH,
    port: '22-22',
    cidrs: ['2001:0DB8:0::/32', '192.0.2.0/24', '192.0.2.0/24'],
  };
  const diff = diffRules([SSH, PING], [{ ...PING, description: '' }, spelt]);
  expect(diff).toEqual({ isSame: true, added: [], removed: [] });
});

test.each([
  ['another port', { port: '2222' }],
  ['another protocol', { protocol: 'udp' }],
  ['another direction', { direction: 'out' }],
  ['one network less', { cidrs: ['192.0.2.0/24'] }],
  ['another description', { description: 'door' }],
] as const)('%s is one rule gone and another one there', (_name, change) => {
  const changed = { ...SSH, ...change };
  expect(diffRules([SSH, PING], [changed, PING])).toEqual({
    isSame: false,
    added: [changed],
    removed: [SSH],
  });
});

test('rules in force that we would not write are compared all the same', () => {
  const foreign = { ...SSH, port: 'any', cidrs: ['10.0.0.7/8'] };
  expect(diffRules([foreign], [SSH])).toMatchObject({ isSame: false, removed: [foreign] });
});

test.each([
  [{ cidrs: ['10.0.0.7/8'] }, /rule 2 has "10.0.0.7\/8", which is no network/],
  [{ cidrs: [] }, /rule 2 names no network/],
  [{ cidrs: Array.from({ length: 101 }, (_, i) => `10.0.0.${i}`) }, /more than 100 networks/],
  [{ port: null }, /needs a port/],
  [{ port: 'any' }, /needs a port/],
  [{ port: '0' }, /needs a port/],
  [{ port: '80-79' }, /needs a port/],
  [{ port: '65536' }, /needs a port/],
  [{ protocol: 'icmp' }, /has a port, and icmp has none/],
  [{ description: 'x'.repeat(256) }, /description/],
] as const)('a rule with %j is refused before anything is sent', (change, message) => {
  expect(() => canonicalRules([PING, { ...SSH, ...change }])).toThrow(message);
});

test('more than fifty rules are refused, and fifty are not', () => {
  const rules = Array.from({ length: 51 }, (_, i) => ({ ...SSH, port: String(i + 1) }));
  expect(() => canonicalRules(rules)).toThrow(/more than 50 rules/);
  expect(canonicalRules(rules.slice(1))).toHaveLength(50);
});

test('a worker lets SSH in from where the operator says, and from nowhere if he says nothing', () => {
  expect(workerRules([])).toEqual([]);
  expect(canonicalRules(workerRules(['192.0.2.7']))).toMatchObject([
    { direction: 'in', protocol: 'tcp', port: '22', cidrs: ['192.0.2.7/32'] },
  ]);
});
