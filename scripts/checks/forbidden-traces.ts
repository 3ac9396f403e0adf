import os from 'node:os';
import path from 'node:path';
import type { Check } from './check.ts';
import { findText, listTrackedFiles } from './tracked-files.ts';

interface Trace {
  readonly what: string;
  readonly pattern: RegExp;
}

/** People that documents and tests may speak of. */
const EXAMPLE_PEOPLE =
  '(?:you|me|user|alice|bob|ana|deploy|rgrid|nexus|runner|sandbox|script|nobody)';

const ALWAYS: readonly Trace[] = [
  {
    what: 'the home of a person on one machine',
    pattern: new RegExp(`(?<![\\w.])/(?:home|Users)/(?!${EXAMPLE_PEOPLE}\\b)[A-Za-z][\\w.-]*`),
  },
  {
    what: 'a private package registry',
    pattern:
      /\b(?:[\w-]+\.)*[\w-]*(?:registry|artifactory|verdaccio|pypi|npm)[\w-]*(?:\.[\w-]+)*\.(?:internal|corp|lan|intra|local)\b/i,
  },
  {
    what: 'a registry setting',
    pattern:
      /(?:--(?:registry|index-url|extra-index-url)[ =]|^\s*registry\s*=\s*)["']?https?:\/\//im,
  },
];

/**
 * What one machine knows and another must not depend on: where it downloads from, where its
 * people live. The registry and home of the machine that runs the check are looked for by name.
 */
export const forbiddenTraces: Check = {
  name: 'forbidden-traces',
  run: async (root) => {
    const traces = [...ALWAYS, ...findTracesOfThisMachine(process.env, os.homedir())];
    const problems: string[] = [];
    for (const file of await listTrackedFiles(root)) {
      const text = await findText(path.join(root, file));
      if (text !== undefined) {
        problems.push(...findTraces(text, traces).map((found) => `${file}:${found}`));
      }
    }
    return problems;
  },
};

function findTraces(text: string, traces: readonly Trace[]): string[] {
  return traces.flatMap(({ what, pattern }) => {
    const match = pattern.exec(text);
    if (match === null) return [];
    const line = text.slice(0, match.index).split('\n').length;
    return [`${line}: names ${what}: ${match[0].trim()}`];
  });
}

export function findTracesOfThisMachine(env: NodeJS.ProcessEnv, home: string): Trace[] {
  // npm exports a setting to its scripts only where it differs from npm's own default.
  const settings = ['npm_config_registry', 'PIP_INDEX_URL', 'UV_INDEX_URL', 'UV_DEFAULT_INDEX'];
  const traces = settings.flatMap((setting): Trace[] => {
    const host = URL.parse(env[setting] ?? '')?.host;
    return host ? [{ what: `the host of ${setting}`, pattern: literal(host) }] : [];
  });
  // A bare `/root` is every container's home and says nothing about a person.
  const isTelling = home.split('/').length > 2;
  return isTelling
    ? [...traces, { what: 'the home of this machine', pattern: literal(home) }]
    : traces;
}

function literal(text: string): RegExp {
  return new RegExp(text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`));
}
