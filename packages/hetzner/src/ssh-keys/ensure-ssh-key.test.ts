import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ScriptedExchange, ScriptedReply } from '@nexus/testkit';

import { errorJson, page, startTestProject } from '../testing/test-project.ts';
import { ensureKeyPair, ensureSshKey } from './index.ts';

/** The script needs the fingerprint of a key that is there. */
async function newKey() {
  const folder = await mkdtemp(join(tmpdir(), 'keys-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'id_ed25519');
  const { publicKey, fingerprint } = await ensureKeyPair(path, 'nexus');
  const sshKey = (id: number, name: string) => ({
    ...{ id, name, fingerprint, labels: {}, created: '2026-11-20T10:00:00Z' },
    public_key: publicKey,
  });
  const find = (...keys: unknown[]): ScriptedExchange => ({
    request: `GET /ssh_keys?fingerprint=${encodeURIComponent(fingerprint)}&page=1&per_page=50`,
    reply: { status: 200, json: page('ssh_keys', keys) },
  });
  const create = (name: string, reply: ScriptedReply): ScriptedExchange => ({
    request: 'POST /ssh_keys',
    json: { name, public_key: `${publicKey} nexus`, labels: {} },
    reply,
  });
  const suffixed = `nexus-${fingerprint.replaceAll(':', '').slice(0, 8)}`;
  return { path, fingerprint, suffixed, sshKey, find, create };
}

const TAKEN: ScriptedReply = { status: 409, json: errorJson('uniqueness_error', 'not unique') };

test('a key that the project knows is used, whatever its name there', async () => {
  const { path, fingerprint, sshKey, find } = await newKey();
  const { client } = await startTestProject([find(sshKey(5, 'laptop'))]);
  expect(await ensureSshKey(client, { path, name: 'nexus' })).toEqual({
    ...{ id: 5, fingerprint, created: false },
  });
});

test('a key that it does not know is made known', async () => {
  const { path, fingerprint, sshKey, find, create } = await newKey();
  const made = { status: 201, json: { ssh_key: sshKey(6, 'nexus') } };
  const { client } = await startTestProject([find(), create('nexus', made)]);
  expect(await ensureSshKey(client, { path, name: 'nexus' })).toEqual({
    ...{ id: 6, fingerprint, created: true },
  });
});

test('a key that somebody else made known meanwhile is used', async () => {
  const { path, sshKey, find, create } = await newKey();
  const script = [find(), create('nexus', TAKEN), find(sshKey(7, 'nexus'))];
  const { client } = await startTestProject(script);
  expect(await ensureSshKey(client, { path, name: 'nexus' })).toMatchObject({
    ...{ id: 7, created: false },
  });
});

test('a name that another key has is told apart by the fingerprint', async () => {
  const { path, sshKey, find, create, suffixed } = await newKey();
  const made = { status: 201, json: { ssh_key: sshKey(8, suffixed) } };
  const script = [find(), create('nexus', TAKEN), find(), create(suffixed, made)];
  const { client } = await startTestProject(script);
  expect(await ensureSshKey(client, { path, name: 'nexus' })).toMatchObject({ id: 8 });
});

test('if other keys have both names, it says which names these are', async () => {
  const { path, find, create, suffixed } = await newKey();
  const script = [find(), create('nexus', TAKEN), find(), create(suffixed, TAKEN), find()];
  const { client } = await startTestProject(script);
  await expect(ensureSshKey(client, { path, name: 'nexus' })).rejects.toThrow(
    `other SSH keys of the project are called nexus and ${suffixed}`,
  );
});

test('another failure is passed on', async () => {
  const { path, find, create } = await newKey();
  const readonly = { status: 401, json: errorJson('token_readonly') };
  const { client } = await startTestProject([find(), create('nexus', readonly)]);
  await expect(ensureSshKey(client, { path, name: 'nexus' })).rejects.toThrow('token_readonly');
});
