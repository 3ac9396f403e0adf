import { expect, test } from 'vitest';

import { createRandom } from '../random.ts';
import { createApi, createCheckedHetzner, SERVER } from '../testing/index.ts';
import { createManualClock, type Fault, type HetznerSimulator } from './index.ts';

const FAULTS: readonly Fault[] = [
  { kind: 'reply_lost', isActedOn: true },
  { kind: 'reply_lost', isActedOn: false },
  { kind: 'error', status: 503 },
  { kind: 'html', status: 502 },
  { kind: 'sold_out', serverType: 'cx23' },
  { kind: 'location_disabled', location: 'nbg1' },
  { kind: 'limit_exceeded', limit: 'servers' },
  { kind: 'limit_exceeded', limit: 'primary_ips' },
  { kind: 'slow_boot', extraMs: 300_000 },
  { kind: 'stuck_boot' },
  { kind: 'slow_action', command: 'start_server', extraMs: 60_000 },
  { kind: 'stuck_action', command: 'start_server' },
  { kind: 'failed_action', command: 'create_server' },
  { kind: 'failed_action', command: 'delete_server' },
  { kind: 'no_ipv4' },
  { kind: 'delete_stays', reason: 'locked', lockedMs: 60_000 },
  { kind: 'server_vanishes', afterMs: 400_000 },
];

test.each(Array.from({ length: 25 }, (_, seed) => seed))(
  'whatever is asked and goes wrong, the account stays in order, seed %i',
  async (seed) => {
    const { simulator, machines, clock } = startWithFaults(seed);
    const random = createRandom(seed);
    const api = createApi(simulator);
    for (let step = 0; step < 150; step += 1) {
      const [method, path, body] = chooseRequest(simulator, random);
      const reply = await api(method, path, body).catch(() => undefined);
      if (reply) expect([...EXPECTED]).toContain(reply.status);
      clock.advance(Math.floor(random() * 20_000));
      checkBooks(simulator);
    }
    simulator.faults.clear();
    for (const { id } of simulator.account.servers()) {
      clock.advance(120_000);
      await api('DELETE', `/servers/${id}`);
    }
    clock.advance(60_000);
    expect(simulator.account.servers()).toEqual([]);
    await expect.poll(() => machines.size).toBe(0);
    const { totalMicros } = simulator.account.bill();
    clock.advance(24 * 3_600_000);
    expect(simulator.account.bill().totalMicros).toBe(totalMicros);
    await simulator.close();
  },
);

const EXPECTED = new Set([200, 201, 204, 403, 404, 409, 412, 422, 423, 502, 503]);

/** Servers alive are servers billed, and no address is given twice. */
function checkBooks(simulator: HetznerSimulator): void {
  const alive = simulator.account.servers();
  const billed = simulator.account
    .bill()
    .lines.filter(({ kind, endsAt }) => kind === 'server' && endsAt === null);
  expect(billed.map(({ id }) => id).sort()).toEqual(alive.map(({ id }) => id).sort());
  const ips = alive.flatMap(({ ipv4 }) => ipv4 ?? []);
  expect(new Set(ips).size).toBe(ips.length);
}

function startWithFaults(seed: number) {
  const machines = new Set<number>();
  const clock = createManualClock();
  const simulator = createCheckedHetzner({
    clock,
    faultSeed: seed,
    machines: {
      boot: ({ server }) => {
        expect(machines).not.toContain(server.id);
        machines.add(server.id);
        return Promise.resolve({
          stop: () => {
            machines.delete(server.id);
            return Promise.resolve();
          },
        });
      },
    },
  });
  for (const fault of FAULTS) simulator.faults.order({ fault, probability: 0.05 });
  return { simulator, machines, clock };
}

function chooseRequest(
  simulator: HetznerSimulator,
  random: () => number,
): [method: string, path: string, body?: object] {
  const pick = <T>(items: readonly [T, ...T[]]): T =>
    items[Math.floor(random() * items.length)] ?? items[0];
  const ids = simulator.account.servers().map(({ id }) => id);
  const id = pick([1, ...ids]);
  const name = `w${Math.floor(random() * 12)}`;
  const server = {
    ...{ ...SERVER, name, server_type: pick(['cx23', 'cx33', 'cax11', 'cpx12']) },
    location: pick(['fsn1', 'nbg1', 'sin', undefined]),
    labels: { pool: pick(['a', 'b']) },
  };
  return pick([
    ['POST', '/servers', server],
    ['POST', '/servers', server],
    ['DELETE', `/servers/${id}`],
    ['PUT', `/servers/${id}`, { labels: { pool: pick(['a', 'b']) } }],
    ['POST', `/servers/${id}/actions/${pick(['poweron', 'poweroff', 'reboot', 'shutdown'])}`],
    ['POST', `/servers/${id}/actions/rebuild`, { image: 'debian-13' }],
    ['POST', '/firewalls', { name: 'f', apply_to: [SELECTOR] }],
    ['GET', '/servers?label_selector=pool%3Da&sort=name:desc'],
    ['GET', `/servers/${id}/actions`],
  ]);
}

const SELECTOR = { type: 'label_selector', label_selector: { selector: 'pool=a' } };
