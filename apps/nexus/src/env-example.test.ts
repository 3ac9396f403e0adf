import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';

import { configSchema as autoscaler } from '@nexus/autoscaler/config';
import { parseConfig } from '@nexus/kit/config';
import { configSchema as orchestrator } from '@nexus/orchestrator/config';
import { configSchema as worker } from '@nexus/worker/config';

interface Variable {
  name: string;
  value: string;
  /** Shown with its default, and not in force. */
  isCommentedOut: boolean;
  /** The line above. */
  explanation: string;
}

const lines = (await readFile(new URL('../../../.env.example', import.meta.url), 'utf8')).split(
  '\n',
);

const variables = lines.flatMap((line, index): Variable[] => {
  const [, mark = '', name = '', value = ''] = /^(#?)([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
  const explanation = lines[index - 1] ?? '';
  return name === '' ? [] : [{ name, value, isCommentedOut: mark === '#', explanation }];
});

const SCHEMAS = { orchestrator, autoscaler, worker };

const shapes: Record<string, z.ZodType>[] = Object.values(SCHEMAS).map(({ shape }) => shape);

describe('.env.example', () => {
  test.each(Object.entries(SCHEMAS))('names every variable of the %s', (_process, { shape }) => {
    const names = variables.map(({ name }) => name);
    expect(Object.keys(shape).filter((name) => !names.includes(name))).toEqual([]);
  });

  test('names nothing that no process reads, and nothing twice', () => {
    const read = new Set(shapes.flatMap((shape) => Object.keys(shape)));
    const names = variables.map(({ name }) => name);
    expect(names.filter((name) => !read.has(name))).toEqual([]);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test.each(variables)('explains $name in the line above', ({ explanation }) => {
    expect(explanation).toMatch(/^# \S.{10,118}\.?$/);
  });

  test.each(variables.filter(({ isCommentedOut, value }) => isCommentedOut && value !== ''))(
    'shows the default of $name',
    ({ name, value }) => {
      for (const shape of shapes) {
        if (shape[name]) expect(shape[name].parse(value)).toEqual(shape[name].parse(undefined));
      }
    },
  );

  test('copied as it is, it is refused: its secrets are placeholders', () => {
    const environment = inForce();
    expect(() => parseConfig(orchestrator, environment)).toThrow(/ENCRYPTION_KEY/);
    expect(() => parseConfig(autoscaler, environment)).toThrow(/HETZNER_API_TOKEN/);
  });

  test('with its secrets filled in, it is all that both processes need', () => {
    const secret = 'a'.repeat(64);
    const environment = { ...inForce(), ENCRYPTION_KEY: secret, HETZNER_API_TOKEN: secret };
    expect(parseConfig(orchestrator, environment).PORT).toBe(8000);
    const enabled = { ...environment, ORCHESTRATOR_ENABLED: 'true' };
    expect(parseConfig(autoscaler, enabled).ORCHESTRATOR_ENABLED).toBe(true);
  });
});

function inForce(): Record<string, string> {
  return Object.fromEntries(
    variables
      .filter(({ isCommentedOut }) => !isCommentedOut)
      .map(({ name, value }) => [name, value]),
  );
}
