import { describe, expect, it } from 'vitest';
import { findTracesOfThisMachine } from './forbidden-traces.ts';

describe('traces of this machine', () => {
  it('are the host it downloads from and its home', () => {
    const env = { npm_config_registry: 'https://packages.example.com/npm/' };
    const traces = findTracesOfThisMachine(env, '/somewhere/zoe');
    const isFound = (text: string): boolean => traces.some(({ pattern }) => pattern.test(text));
    expect(isFound('curl https://packages.example.com/x')).toBe(true);
    expect(isFound('cd /somewhere/zoe/project')).toBe(true);
    expect(isFound('curl https://packages-example.com/x')).toBe(false);
  });
});
