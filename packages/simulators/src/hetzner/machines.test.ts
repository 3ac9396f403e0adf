import { expect, test } from 'vitest';

import { createApi, createCheckedHetzner, SERVER } from '../testing/index.ts';
import { createManualClock, type Machines } from './index.ts';

test('a machine boots with the user data, stops when power is cut, and boots once more', async () => {
  const { log, machines } = recordMachines();
  const clock = createManualClock();
  const simulator = createCheckedHetzner({ clock, machines });
  const api = createApi(simulator);
  const { body } = await api('POST', '/servers', { ...SERVER, user_data: '#cloud-config' });
  clock.advance(30_999);
  expect(log).toEqual([]);
  clock.advance(1);
  await expect.poll(() => log).toEqual(['boot w1 first #cloud-config']);
  await api('POST', `/servers/${body.server.id}/actions/reboot`);
  clock.advance(60_000);
  await expect.poll(() => log).toHaveLength(3);
  await api('DELETE', `/servers/${body.server.id}`);
  await expect
    .poll(() => log)
    .toEqual(['boot w1 first #cloud-config', 'stop w1', 'boot w1 again #cloud-config', 'stop w1']);
  await simulator.close();
});

test('a boot that is under way when the server goes learns of it, and its machine is stopped', async () => {
  const log: string[] = [];
  const booting = Promise.withResolvers<void>();
  const clock = createManualClock();
  const simulator = createCheckedHetzner({
    clock,
    machines: {
      boot: async ({ signal }) => {
        signal.addEventListener('abort', () => log.push('abort'));
        await booting.promise;
        return {
          stop: () => {
            log.push('stop');
            return Promise.resolve();
          },
        };
      },
    },
  });
  const { body } = await createApi(simulator)('POST', '/servers', SERVER);
  clock.advance(60_000);
  simulator.account.vanish(body.server.id);
  expect(log).toEqual(['abort']);
  booting.resolve();
  await simulator.close();
  expect(log).toEqual(['abort', 'stop']);
});

test('a boot may give up when power is cut; one that fails before is reported', async () => {
  const errors: unknown[] = [];
  const clock = createManualClock();
  const simulator = createCheckedHetzner({
    clock,
    onMachineError: (error) => errors.push(error),
    machines: {
      boot: ({ server, signal }) =>
        new Promise((_, reject) => {
          if (server.name === 'broken') reject(new Error('no image'));
          signal.addEventListener('abort', () => reject(new Error('gave up')));
        }),
    },
  });
  const api = createApi(simulator);
  for (const name of ['w1', 'broken']) await api('POST', '/servers', { ...SERVER, name });
  clock.advance(60_000);
  await expect.poll(() => errors).toEqual([new Error('no image')]);
  await simulator.close();
  expect(errors).toHaveLength(1);
});

test('closing the simulator stops every machine', async () => {
  const { log, machines } = recordMachines();
  const clock = createManualClock();
  const simulator = createCheckedHetzner({ clock, machines });
  const api = createApi(simulator);
  for (const name of ['w1', 'w2']) await api('POST', '/servers', { ...SERVER, name });
  clock.advance(60_000);
  await expect.poll(() => log).toHaveLength(2);
  await simulator.close();
  expect(log.slice(2)).toEqual(['stop w1', 'stop w2']);
});

function recordMachines(): { log: string[]; machines: Machines } {
  const log: string[] = [];
  return {
    log,
    machines: {
      boot: ({ server, userData }) => {
        log.push(`boot ${server.name} ${server.isFirstBoot ? 'first' : 'again'} ${userData}`);
        return Promise.resolve({
          stop: () => {
            log.push(`stop ${server.name}`);
            return Promise.resolve();
          },
        });
      },
    },
  };
}
