import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { startTestControlPlane, type TestControlPlane } from '../testing/test-control-plane.ts';
import { createKey, KeyRing, listKeys, revokeKey } from './accounts.ts';

let plane: TestControlPlane;

beforeAll(async () => {
  plane = await startTestControlPlane();
});

afterAll(() => plane.stop());

test('a key says whose it is', async () => {
  const { api } = await plane.createAccount('ana', 'laptop');
  expect((await api.get('/whoami')).body).toEqual({ account: 'ana', keyName: 'laptop' });
});

test('a key is in the database as a hash, which does not open anything', async () => {
  const text = await createKey(plane.database, { account: 'bruno', name: 'ci' });
  const secret = text.split('_').slice(2).join('_');
  const [row] = await plane.database.query<{ all: string; hash: string }>(
    "select k::text as all, encode(secret_hash, 'hex') as hash from api_keys k where name = 'ci'",
  );
  expect(row?.all).not.toContain(secret);
  expect(row?.all).not.toContain(Buffer.from(secret).toString('hex'));
  const ring = new KeyRing(plane.database);
  await expect(
    ring.authenticate(`Bearer ${text.replace(secret, row?.hash ?? '')}`),
  ).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(ring.authenticate(`Bearer ${text}`)).resolves.toMatchObject({
    account: 'bruno',
    keyName: 'ci',
  });
});

describe('a revoked key', () => {
  test('stops working within seconds, also where it was just used', async () => {
    const carla = await plane.createAccount('carla', 'old');
    const other = await plane.createAccount('carla', 'new');
    expect((await carla.api.get('/whoami')).status).toBe(200);
    expect(await revokeKey(plane.database, { account: 'carla', name: 'old' })).toBe(true);
    const clock = vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2100 });
    try {
      expect((await carla.api.get('/whoami')).body).toMatchObject({
        error: { code: 'unauthorized' },
      });
      expect((await other.api.get('/whoami')).status).toBe(200);
    } finally {
      clock.useRealTimers();
    }
    expect(await revokeKey(plane.database, { account: 'carla', name: 'old' }), 'again').toBe(false);
  });

  test('frees its name for another', async () => {
    await plane.createAccount('dario', 'laptop');
    await expect(
      createKey(plane.database, { account: 'dario', name: 'laptop' }),
    ).rejects.toMatchObject({ code: 'conflict' });
    await revokeKey(plane.database, { account: 'dario', name: 'laptop' });
    await createKey(plane.database, { account: 'dario', name: 'laptop' });
    const keys = (await listKeys(plane.database)).filter((key) => key.account === 'dario');
    expect(keys.map((key) => key.revokedAt !== null)).toEqual([true, false]);
  });

  test('of one account leaves the same name of another alone', async () => {
    const [one, two] = [
      await plane.createAccount('elsa', 'shared'),
      await plane.createAccount('fabio', 'shared'),
    ];
    await revokeKey(plane.database, { account: 'elsa', name: 'shared' });
    expect((await one.api.get('/whoami')).status).toBe(401);
    expect((await two.api.get('/whoami')).status).toBe(200);
  });
});

test('the list of keys shows when each was used, and no secret', async () => {
  const { api, key } = await plane.createAccount('gina', 'seen');
  const find = async () => (await listKeys(plane.database)).find((one) => one.account === 'gina');
  expect(await find()).toMatchObject({ name: 'seen', lastUsedAt: null, revokedAt: null });
  await api.get('/whoami');
  expect(await find()).toMatchObject({ lastUsedAt: expect.any(Date) });
  expect(JSON.stringify(await find())).not.toContain(key.split('_')[2]);
});

test('a wrong secret does not make the key look used', async () => {
  const { key } = await plane.createAccount('hugo', 'quiet');
  const ring = new KeyRing(plane.database);
  await expect(ring.authenticate(`Bearer ${key.slice(0, -3)}xyz`)).rejects.toMatchObject({
    code: 'unauthorized',
  });
  expect((await listKeys(plane.database)).find((one) => one.account === 'hugo')).toMatchObject({
    lastUsedAt: null,
  });
});

test('a name is of letters, digits, ".", "_" and "-", of the key and of the account', async () => {
  const bad = [
    '',
    ' ',
    'a b',
    '-rf',
    '.x',
    'a/b',
    'a\nb',
    'a\0',
    '🦤',
    'x'.repeat(65),
    '%s',
    'e\u0301',
  ];
  for (const name of bad) {
    await expect(createKey(plane.database, { account: 'julia', name }), name).rejects.toMatchObject(
      {
        code: 'invalid_request',
        message: expect.stringContaining('cannot be the name of a key'),
      },
    );
    await expect(
      createKey(plane.database, { account: name, name: 'ci' }),
      name,
    ).rejects.toMatchObject({
      message: expect.stringContaining('cannot be the name of an account'),
    });
  }
  for (const name of ['a', '7', 'ci.build_2-x', 'niño', 'x'.repeat(64)])
    expect(await createKey(plane.database, { account: 'julia', name })).toMatch(/^rgrid_/);
});

test('the same account made at the same moment is one', async () => {
  const texts = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      createKey(plane.database, { account: 'inés', name: `key-${n}` }),
    ),
  );
  expect(new Set(texts).size).toBe(8);
  expect(await plane.database.query("select count(*) from accounts where name = 'inés'")).toEqual([
    { count: 1 },
  ]);
});
