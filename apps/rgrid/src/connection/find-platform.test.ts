import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import type { Environment } from '../environment.ts';
import { credentialsPath, parseCredentials, saveProfile } from './credentials.ts';
import { findPlatform } from './find-platform.ts';
import { makeFolder } from '../testing/run-cli.ts';

let home = '';
beforeEach(() => {
  home = makeFolder('home');
});

const find = (env: Environment = {}, profile?: string) => findPlatform({ env, home, profile });
const profile = (name: string) => ({ apiUrl: `https://${name}.example`, apiKey: `rgrid_${name}` });

function putLocal(folder: string, text: string, mode = 0o600): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'local.json'), text, { mode });
  chmodSync(join(folder, 'local.json'), mode);
}

describe('the platform', () => {
  it('is found in the order profile, environment, default profile, this machine', async () => {
    expect(() => find()).toThrow('start one here with `npm start`, or name one with `rgrid init`');
    putLocal(join(home, '.nexus'), '{"apiUrl":"http://127.0.0.1:8000","apiKey":"rgrid_local"}');
    expect(find()).toMatchObject({
      apiUrl: 'http://127.0.0.1:8000',
      apiKey: 'rgrid_local',
      isLocal: true,
    });
    await saveProfile(home, 'default', profile('default'));
    expect(find().apiKey).toBe('rgrid_default');
    const env = { RGRID_API_URL: 'https://env.example/', RGRID_API_KEY: 'rgrid_env' };
    expect(find(env)).toMatchObject({
      apiUrl: 'https://env.example',
      apiKey: 'rgrid_env',
      isLocal: false,
    });
    await saveProfile(home, 'work', profile('work'));
    expect(find({ ...env, RGRID_PROFILE: 'work' }).apiKey).toBe('rgrid_work');
    expect(find({ ...env, RGRID_PROFILE: 'work' }, 'default').apiKey).toBe('rgrid_default');
  });

  it('on this machine lies where NEXUS_HOME says', () => {
    putLocal(join(home, 'elsewhere'), '{"apiUrl":"http://127.0.0.1:9000","apiKey":"rgrid_x"}');
    expect(find({ NEXUS_HOME: join(home, 'elsewhere') }).apiUrl).toBe('http://127.0.0.1:9000');
  });

  it('is refused with one sentence when its settings are wrong', async () => {
    expect(() => find({ RGRID_API_KEY: 'rgrid_secret' })).toThrow('RGRID_API_URL is not: set both');
    expect(() => find({ RGRID_API_URL: 'x' })).toThrow('RGRID_API_KEY is not: set both');
    expect(() => find({ RGRID_API_URL: 'ftp://x', RGRID_API_KEY: 'k' })).toThrow(
      'must begin with http:// or https://',
    );
    expect(() => find({ RGRID_API_URL: 'https://u:p@x', RGRID_API_KEY: 'k' })).toThrow(
      'no user name or password',
    );
    expect(() => find({}, 'nope')).toThrow('there is no profile nope');
    putLocal(join(home, '.nexus'), '{');
    expect(() => find()).toThrow('local.json is damaged');
  });

  it('never shows a key in a message', () => {
    const env = { RGRID_API_URL: 'https://x.example', RGRID_API_KEY: 'rgrid_se\ncret' };
    expect(() => find(env)).toThrow(
      /^RGRID_API_URL and RGRID_API_KEY: the API key holds characters that no key has$/,
    );
  });
});

describe('the credentials file', () => {
  it('is written for the owner alone, in a folder of the owner alone', async () => {
    await saveProfile(home, 'default', profile('a'));
    expect(statSync(credentialsPath(home)).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, '.rgrid')).mode & 0o777).toBe(0o700);
  });

  it('is refused when others can read it', async () => {
    await saveProfile(home, 'default', profile('a'));
    chmodSync(credentialsPath(home), 0o644);
    expect(() => find()).toThrow(`run chmod 600 ${credentialsPath(home)}`);
  });

  it('may hold comments and empty lines, and names the line that is wrong', () => {
    const text = '# mine\n\n[a b]\napi_url = https://x.example\n; key\napi_key=rgrid_1_=\n';
    expect(parseCredentials(text, 'f').get('a b')).toEqual({
      apiUrl: 'https://x.example',
      apiKey: 'rgrid_1_=',
    });
    expect(() => parseCredentials('[a]\nrgrid_key_without_name\n', 'f')).toThrow(
      'f, line 2: expected',
    );
    expect(() => parseCredentials('[a]\napi_key = k\n', 'f')).toThrow('profile [a] needs both');
  });
});
