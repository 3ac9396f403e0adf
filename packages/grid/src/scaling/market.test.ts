import { describe, expect, test } from 'vitest';

import { describeMarket, serverForEstimate, type ServerMarket } from './market.ts';
import type { RefusalMemory } from './snapshot.ts';
import { GB, makeOffer, makeSnapshot, NOW, POLICY } from './testing/situations.ts';

const offers = [
  makeOffer({ serverType: 'cpx22', priceMicrosPerHour: 31_200, memoryBytes: 8 * GB }),
  makeOffer({ location: 'fsn1', isAvailable: false }),
  makeOffer({ location: 'nbg1' }),
  makeOffer({ location: 'hel1' }),
  makeOffer({ serverType: 'ccx63' }),
];
const cell = { serverType: 'cx23', location: 'nbg1', failures: 1, reason: 'sold out' };
const account = { failures: 1, untilMs: NOW + 1, reason: 'resource_limit_exceeded' };

function marketWith(refusals: RefusalMemory | undefined): ServerMarket {
  const snapshot = makeSnapshot({ offers, ...(refusals ? { refusals } : {}) });
  return describeMarket({ snapshot, policy: POLICY, nowMs: NOW });
}

const cells = ({ servers }: ServerMarket) =>
  servers.map(({ offer }) => `${offer.serverType} ${offer.location}`);

describe('the market', () => {
  test('has what can be ordered, in the order of the operator', () => {
    expect(cells(marketWith(undefined))).toEqual(['cx23 nbg1', 'cx23 hel1', 'cpx22 fsn1']);
  });

  test('leaves out what was refused a moment ago, and has it again later', () => {
    const at = (untilMs: number) => marketWith({ cells: [{ ...cell, untilMs }], account: null });
    expect(cells(at(NOW + 1))).toEqual(['cx23 hel1', 'cpx22 fsn1']);
    expect(cells(at(NOW))).toEqual(['cx23 nbg1', 'cx23 hel1', 'cpx22 fsn1']);
  });

  test('is empty while the account gets nothing at all', () => {
    expect(cells(marketWith({ cells: [], account }))).toEqual([]);
  });
});

describe('the server of an estimate', () => {
  const market: ServerMarket = { ...marketWith(undefined), bootMs: 75_000, maxWorkers: 4 };
  const ask = { cpus: 1, memoryBytes: GB, requires: [] };
  const budget = { limitMicros: null, committedMicros: 0, reservedMicros: 0 };
  const none = { livingServers: 0, budget };

  test('is the first that fits, with as many slots as fit into it', () => {
    const cx23 = { priceMicrosPerHour: 8800, ipv4MicrosPerHour: 800, bootMs: 75_000, most: 4 };
    expect(serverForEstimate(market, ask, none)).toEqual({ ...cx23, slots: 2 });
    expect(serverForEstimate(market, { ...ask, cpus: 2 }, none)).toEqual({ ...cx23, slots: 1 });
    const large = { ...ask, memoryBytes: 5 * GB };
    expect(serverForEstimate(market, large, none)).toMatchObject({ priceMicrosPerHour: 31_200 });
    expect(serverForEstimate(market, { ...ask, cpus: 99 }, none)).toBeNull();
    expect(serverForEstimate(market, { ...ask, requires: ['driver:none'] }, none)).toBeNull();
  });

  test('is one of no more than there may be, and may be paid', () => {
    const most = (livingServers: number, limitMicros: number | null) =>
      serverForEstimate(market, ask, {
        livingServers,
        budget: { limitMicros, committedMicros: 10_000, reservedMicros: 5000 },
      })?.most;
    expect(most(3, null)).toBe(1);
    expect(most(4, null)).toBeUndefined();
    expect(most(0, 15_000 + 2 * 9600)).toBe(2);
    expect(most(0, 15_000 + 9599)).toBeUndefined();
  });
});
