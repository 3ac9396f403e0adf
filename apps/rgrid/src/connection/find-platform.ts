import { join } from 'node:path';

import type { Environment } from '../environment.ts';
import { usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';
import { credentialsPath, readCredentials, readPrivateFile, type Profile } from './credentials.ts';

export interface Platform {
  apiUrl: string;
  apiKey: string;
  /** For messages: where url and key come from. */
  origin: string;
  isLocal: boolean;
}

export interface PlatformSearch {
  env: Environment;
  home: string;
  /** `--profile` */
  profile: string | undefined;
}

/** A named profile, the environment, the default profile, the platform on this machine: the first there is. */
export function findPlatform(search: PlatformSearch): Platform {
  const { env, home } = search;
  const name = search.profile ?? nonEmpty(env['RGRID_PROFILE']);
  if (name !== undefined) return namedProfile(home, name);
  const fromEnvironment = environmentProfile(env);
  if (fromEnvironment) return fromEnvironment;
  const profile = readCredentials(home).get('default');
  if (profile) return platformOf(profile, `profile default of ${credentialsPath(home)}`);
  const local = localPlatform(env, home);
  if (local) return local;
  throw usageProblem(
    'there is no platform to talk to: start one here with `npm start`, or name one with `rgrid init`',
  );
}

function namedProfile(home: string, name: string): Platform {
  const profiles = readCredentials(home);
  const profile = profiles.get(name);
  if (profile) return platformOf(profile, `profile ${name} of ${credentialsPath(home)}`);
  const known = [...profiles.keys()].join(', ');
  throw usageProblem(
    `there is no profile ${quoted(name)} in ${credentialsPath(home)}${known === '' ? '' : ` (it has ${known})`}: run \`rgrid init --profile ${quoted(name)}\``,
  );
}

function environmentProfile(env: Environment): Platform | undefined {
  const apiUrl = nonEmpty(env['RGRID_API_URL']);
  const apiKey = nonEmpty(env['RGRID_API_KEY']);
  if (apiUrl === undefined && apiKey === undefined) return undefined;
  if (apiUrl === undefined)
    throw usageProblem('RGRID_API_KEY is set, but RGRID_API_URL is not: set both');
  if (apiKey === undefined)
    throw usageProblem('RGRID_API_URL is set, but RGRID_API_KEY is not: set both');
  return platformOf({ apiUrl, apiKey }, 'RGRID_API_URL and RGRID_API_KEY');
}

function localPlatform(env: Environment, home: string): Platform | undefined {
  const folder = nonEmpty(env['NEXUS_HOME']) ?? join(home, '.nexus');
  const path = join(folder, 'local.json');
  const text = readPrivateFile(path);
  if (text === undefined) return undefined;
  const profile = parseLocal(text);
  if (!profile)
    throw usageProblem(
      `${path} is damaged: stop the platform and start it again with \`npm start\``,
    );
  return { ...platformOf(profile, path), isLocal: true };
}

function parseLocal(text: string): Profile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('apiUrl' in value) || !('apiKey' in value))
    return undefined;
  const { apiUrl, apiKey } = value;
  return typeof apiUrl === 'string' && typeof apiKey === 'string' ? { apiUrl, apiKey } : undefined;
}

function platformOf({ apiUrl, apiKey }: Profile, origin: string): Platform {
  return {
    apiUrl: checkUrl(apiUrl, origin),
    apiKey: checkKey(apiKey, origin),
    origin,
    isLocal: false,
  };
}

/** Without a slash at the end. */
export function checkUrl(text: string, origin: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw usageProblem(`${origin}: the address must begin with http:// or https://`);
  }
  if (url.username !== '' || url.password !== '') {
    throw usageProblem(`${origin}: the address must hold no user name or password`);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** A key with a line break or a letter outside of ASCII cannot be sent; the message does not show it. */
export function checkKey(key: string, origin: string): string {
  if (/^[!-~]+$/.test(key)) return key;
  throw usageProblem(`${origin}: the API key holds characters that no key has`);
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
