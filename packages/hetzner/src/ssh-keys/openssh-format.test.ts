import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

import { has } from '@nexus/testkit';

import { fingerprintOf, generateKeyPair, readPublicHalf } from './openssh-format.ts';

// Made with ssh-keygen, and the fingerprint is what `ssh-keygen -l -E md5` says of it.
const PUBLIC =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILU0VBTj8h/3/MDgUR/by+yEPxypGaYmHq55dW5GNxPB nexus@test';
const FINGERPRINT = '59:6b:01:4e:57:af:bf:37:ee:13:15:75:b2:58:09:62';

test('the fingerprint is the MD5 of the key, whatever the comment', () => {
  expect(fingerprintOf(PUBLIC)).toBe(FINGERPRINT);
  expect(fingerprintOf(`${PUBLIC.replace('nexus@test', 'other words')}\n`)).toBe(FINGERPRINT);
  expect(fingerprintOf(PUBLIC.replace(' nexus@test', ''))).toBe(FINGERPRINT);
});

test.each([
  ...['', 'ssh-ed25519', 'ssh-ed25519 AAAA', 'x y z', PUBLIC.replace('ed25519', 'rsa')],
  // Cut short in the middle of the key.
  PUBLIC.slice(0, 60),
])('%j has no fingerprint', (text) => {
  expect(fingerprintOf(text)).toBeUndefined();
});

test('a private key tells its public half', () => {
  const pair = generateKeyPair('nexus worker');
  expect(pair.publicKey).toMatch(/^ssh-ed25519 [A-Za-z0-9+/=]+ nexus worker$/);
  expect(`${readPublicHalf(pair.privateKey)} nexus worker`).toBe(pair.publicKey);
});

test.each([
  '',
  'a text',
  '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n',
  '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----',
])('%j is no private key of OpenSSH', (text) => {
  expect(readPublicHalf(text)).toBeUndefined();
});

test('each pair is another one', () => {
  expect(generateKeyPair('a').publicKey).not.toBe(generateKeyPair('a').publicKey);
});

describe.skipIf(!has('ssh-keygen'))('OpenSSH [needs ssh-keygen]', () => {
  async function writeKey(comment: string) {
    const folder = await mkdtemp(join(tmpdir(), 'ssh-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const pair = generateKeyPair(comment);
    const path = join(folder, 'key');
    await writeFile(path, pair.privateKey, { mode: 0o600 });
    return { pair, path };
  }
  const keygen = (...args: string[]) =>
    execFileSync('ssh-keygen', args, { encoding: 'utf8', stdio: 'pipe' }).trim();

  // The padding depends on the length of the comment.
  test.each(['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef', 'abcdefg', 'nexus worker'])(
    'reads our private keys, with the comment %j',
    async (comment) => {
      const { pair, path } = await writeKey(comment);
      expect(keygen('-y', '-P', '', '-f', path)).toBe(pair.publicKey);
    },
  );

  test('signs with our private keys and verifies with our public ones', async () => {
    const { pair, path } = await writeKey('nexus');
    await writeFile(`${path}.text`, 'text');
    await writeFile(`${path}.allowed`, `nexus ${pair.publicKey}\n`);
    keygen('-Y', 'sign', '-f', path, '-n', 'file', `${path}.text`);
    const verify = ['-Y', 'verify', '-f', `${path}.allowed`, '-I', 'nexus', '-n', 'file'];
    const signature = ['-s', `${path}.text.sig`];
    const output = execFileSync('ssh-keygen', [...verify, ...signature], {
      input: 'text',
      encoding: 'utf8',
    });
    expect(output).toContain('Good "file" signature for nexus');
  });

  test('sees the same fingerprint', async () => {
    const { pair, path } = await writeKey('nexus');
    await writeFile(`${path}.pub`, `${pair.publicKey}\n`);
    const line = keygen('-l', '-E', 'md5', '-f', `${path}.pub`);
    expect(line).toBe(`256 MD5:${fingerprintOf(pair.publicKey)} nexus (ED25519)`);
  });

  test.each([
    ['rsa', '2048'],
    ['ecdsa', '256'],
  ])('may have made the key that is there, of type %s', async (type, bits) => {
    const { path } = await writeKey('');
    keygen('-q', '-t', type, '-b', bits, '-N', '', '-C', '', '-f', `${path}-2`);
    const [publicKey] = execFileSync('cat', [`${path}-2.pub`], { encoding: 'utf8' }).split('\n');
    const half = readPublicHalf(execFileSync('cat', [`${path}-2`], { encoding: 'utf8' }));
    expect(half).toBe(publicKey?.trim());
  });
});
