import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { MaskingStream } from './mask-secrets.ts';

async function mask(chunks: readonly string[], values: readonly string[]): Promise<string> {
  return text(
    Readable.from(chunks.map((chunk) => Buffer.from(chunk))).pipe(new MaskingStream(values)),
  );
}

test.each([
  [['the key is hunter22!'], 'the key is ***!'],
  [['the key is hun', 'ter22!'], 'the key is ***!'],
  [['h', 'u', 'n', 't', 'e', 'r', '2', '2'], '***'],
  [['hunter2hunter22'], 'hunter2***'],
  [['hunter2'], 'hunter2'],
])('the value is masked in %j', async (chunks, expected) => {
  expect(await mask(chunks, ['hunter22'])).toBe(expected);
});

test('the longer of two values that begin alike is masked whole', async () => {
  expect(await mask(['abcdef'], ['abc', 'abcdef'])).toBe('***');
});

test('however the output is cut into chunks, it reads the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'b', 'aab', 'x', 'ab'), { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 30 }),
      async (parts, cuts) => {
        const whole = parts.join('');
        const chunks: string[] = [];
        let rest = whole;
        for (const cut of cuts) {
          chunks.push(rest.slice(0, cut));
          rest = rest.slice(cut);
        }
        chunks.push(rest);
        expect(await mask(chunks.filter(Boolean), ['aab'])).toBe(whole.replaceAll('aab', '***'));
      },
    ),
  );
});

test('what cannot be the beginning of a value is not held back', () => {
  const stream = new MaskingStream(['secret']);
  stream.write(Buffer.from('ready\n'));
  expect(String(stream.read())).toBe('ready\n');
});
