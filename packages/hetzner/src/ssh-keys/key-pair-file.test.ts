import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

import { ensureKeyPair, fingerprintOf } from './index.ts';
import { generateKeyPair } from './openssh-format.ts';

async function newPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'keys-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, 'nested', 'id_ed25519');
}

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test('a pair is made where there is none, for the eyes of its owner', async () => {
  const path = await newPath();
  const key = await ensureKeyPair(path, 'nexus');
  expect(await readFile(`${path}.pub`, 'utf8')).toBe(`${key.publicKey} nexus\n`);
  expect(key.fingerprint).toBe(fingerprintOf(key.publicKey));
  expect([await modeOf(path), await modeOf(`${path}.pub`), await modeOf(dirname(path))]).toEqual([
    0o600, 0o644, 0o700,
  ]);
  expect((await readdir(dirname(path))).toSorted()).toEqual(['id_ed25519', 'id_ed25519.pub']);
});

test('modes do not depend on the umask', async () => {
  const path = await newPath();
  const umask = process.umask(0o077);
  onTestFinished(() => void process.umask(umask));
  await ensureKeyPair(path, 'nexus');
  expect([await modeOf(path), await modeOf(`${path}.pub`)]).toEqual([0o600, 0o644]);
});

test('what is there stays as it is', async () => {
  const path = await newPath();
  const first = await ensureKeyPair(path, 'nexus');
  const before = [await readFile(path), await readFile(`${path}.pub`)];
  expect(await ensureKeyPair(path, 'other')).toMatchObject({ fingerprint: first.fingerprint });
  expect([await readFile(path), await readFile(`${path}.pub`)]).toEqual(before);
});

test('a public half that is missing is made from the private one', async () => {
  const path = await newPath();
  const { fingerprint } = await ensureKeyPair(path, 'nexus');
  await rm(`${path}.pub`);
  expect(await ensureKeyPair(path, 'nexus')).toMatchObject({ fingerprint });
  expect(fingerprintOf(await readFile(`${path}.pub`, 'utf8'))).toBe(fingerprint);
});

test('of many who make it at the same time all have the same one', async () => {
  const path = await newPath();
  const made = await Promise.all(Array.from({ length: 20 }, () => ensureKeyPair(path, 'nexus')));
  expect(new Set(made.map(({ fingerprint }) => fingerprint)).size).toBe(1);
  expect(await readdir(dirname(path))).toHaveLength(2);
});

test.each([0o640, 0o604, 0o644, 0o660])('a private key of mode %o is refused', async (mode) => {
  const path = await newPath();
  await ensureKeyPair(path, 'nexus');
  await chmod(path, mode);
  await expect(ensureKeyPair(path, 'nexus')).rejects.toThrow(
    `the private key ${path} can be read by others: chmod 600 it`,
  );
});

test('halves of different pairs are refused', async () => {
  const path = await newPath();
  await ensureKeyPair(path, 'nexus');
  await writeFile(`${path}.pub`, `${generateKeyPair('x').publicKey}\n`);
  await expect(ensureKeyPair(path, 'nexus')).rejects.toThrow(/is not the public half of/);
});

test('a key in another format needs its public half beside it', async () => {
  const path = await newPath();
  const { publicKey, fingerprint } = await ensureKeyPair(path, 'nexus');
  await writeFile(path, '-----BEGIN PRIVATE KEY-----\n', { mode: 0o600 });
  expect(await ensureKeyPair(path, 'nexus')).toMatchObject({ fingerprint });
  await writeFile(`${path}.pub`, `${publicKey.slice(0, 30)}\n`);
  await expect(ensureKeyPair(path, 'nexus')).rejects.toThrow(/is not an SSH public key/);
  await rm(`${path}.pub`);
  await expect(ensureKeyPair(path, 'nexus')).rejects.toThrow(/has no public key beside it/);
});
