import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { systemErrorCode } from '@nexus/kit/errors';
import { writeFileAtomically } from '@nexus/kit/files';

import { usageProblem } from '../problem.ts';

export interface Profile {
  apiUrl: string;
  apiKey: string;
}

export function credentialsPath(home: string): string {
  return join(home, '.rgrid', 'credentials');
}

/** All profiles by name; none if there is no file. Refuses a file that others can read. */
export function readCredentials(home: string): Map<string, Profile> {
  const path = credentialsPath(home);
  const text = readPrivateFile(path);
  return text === undefined ? new Map<string, Profile>() : parseCredentials(text, path);
}

/** Text of a file that holds a key; undefined if there is none. */
export function readPrivateFile(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return undefined;
  if ((stats.mode & 0o077) !== 0) {
    throw usageProblem(`${path} holds API keys and others can read it: run chmod 600 ${path}`);
  }
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageProblem(`cannot read ${path}: ${systemErrorCode(error) ?? 'unknown reason'}`);
  }
}

/**
 *     [default]
 *     api_url = https://grid.example.com
 *     api_key = rgrid_…
 */
export function parseCredentials(text: string, path: string): Map<string, Profile> {
  const sections = new Map<string, Partial<Profile>>();
  let section: Partial<Profile> | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const name = /^\[(.+)\]$/.exec(line)?.[1]?.trim();
    const [, key, value] = /^(api_url|api_key)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      section = {};
      sections.set(name, section);
    } else if (section && value !== undefined) {
      if (key === 'api_url') section.apiUrl = value;
      else section.apiKey = value;
    } else {
      throw usageProblem(
        `${path}, line ${index + 1}: expected [profile], api_url = … or api_key = …`,
      );
    }
  }
  return new Map(
    [...sections].map(([name, profile]) => [name, completeProfile(name, profile, path)]),
  );
}

function completeProfile(
  name: string,
  { apiUrl, apiKey }: Partial<Profile>,
  path: string,
): Profile {
  if (apiUrl !== undefined && apiKey !== undefined) return { apiUrl, apiKey };
  throw usageProblem(`${path}: profile [${name}] needs both api_url and api_key`);
}

export async function saveProfile(home: string, name: string, profile: Profile): Promise<void> {
  const profiles = readCredentials(home);
  profiles.set(name, profile);
  const text = [...profiles]
    .map(
      ([section, { apiUrl, apiKey }]) => `[${section}]\napi_url = ${apiUrl}\napi_key = ${apiKey}\n`,
    )
    .join('\n');
  await writeFileAtomically(credentialsPath(home), text, { mode: 0o600 });
}
