import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { toEntries, toSubmission } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';

let plane: TestControlPlane;
let ana: TestAccount;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
});

afterAll(() => plane.stop());

beforeEach(() => plane.database.query('delete from batches'));

async function countRows(): Promise<Record<string, number>> {
  const [row] = await plane.database.query<Record<string, number>>(
    'select (select count(*) from batches) as batches, (select count(*) from executions) as executions, (select count(*) from batch_blobs) as blobs',
  );
  return row ?? {};
}

function post(submission: unknown) {
  return ana.api.post('/batches', submission);
}

describe('is refused with 400 and leaves nothing:', () => {
  const [file] = toEntries({ 'a.txt': 'x' });
  const entry = { ...file, mode: 0o644 };
  const [execution] = toSubmission().executions;
  const spec = toSubmission().spec;

  function withSpec(changes: Record<string, unknown>) {
    return { spec: { ...spec, ...changes } };
  }
  function withEntries(...entries: unknown[]) {
    return { project: { entries } };
  }
  function withExecution(changes: Record<string, unknown>) {
    return { executions: [{ ...execution, ...changes }] };
  }

  function manyVariables(count: number, length: number) {
    return Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`V${n}`, 'x'.repeat(length)]),
    );
  }

  const cases: [string, Record<string, unknown>][] = [
    ['no executions', { executions: [] }],
    ['an unknown field', { surprise: 1 }],
    ['an unknown field of the spec', withSpec({ surprise: 1 })],
    ['an unknown field of an execution', withExecution({ surprise: 1 })],
    ['an unknown field of a file', withEntries({ ...entry, surprise: 1 })],
    ['a path twice', withEntries(entry, entry)],
    ['a path inside of a file', withEntries(entry, { ...entry, path: 'a.txt/b' })],
    [
      'a path inside of a link',
      withEntries({ type: 'symlink', path: 'l', target: '/etc' }, { ...entry, path: 'l/m/passwd' }),
    ],
    ...['../a', 'a/../../b', './a', 'a//b', 'a/', '', '..', '/', '/../etc/passwd', 'a\0b'].map(
      (path): [string, Record<string, unknown>] => [
        `the path ${JSON.stringify(path)}`,
        withEntries({ ...entry, path }),
      ],
    ),
    ['an input outside', withExecution({ input: { ...entry, path: '../x' } })],
    ['a script outside', withSpec({ script: '../main.py' })],
    ['a working directory outside', withSpec({ workingDirectory: '../..' })],
    ['an absolute working directory', withSpec({ workingDirectory: '/etc' })],
    ['a root that is not absolute', withSpec({ root: 'home' })],
    ['a root with ..', withSpec({ root: '/home/../etc' })],
    ['a set-id mode', withEntries({ ...entry, mode: 0o4755 })],
    ['a hash that is none', withEntries({ ...entry, sha256: 'abc' })],
    ['a negative size', withEntries({ ...entry, sizeBytes: -1 })],
    [
      'sizes beyond all numbers',
      withEntries(
        ...Array.from({ length: 2000 }, (_, n) => ({
          ...entry,
          path: `${n}`,
          sizeBytes: Number.MAX_SAFE_INTEGER,
        })),
      ),
    ],
    ['a device', withEntries({ type: 'device', path: 'x' })],
    ['a label without text', withExecution({ label: '' })],
    ['a label with a NUL', withExecution({ label: 'a\0b' })],
    ['a label of 5000 characters', withExecution({ label: 'x'.repeat(5000) })],
    ['an argument with a NUL', withExecution({ args: ['a\0b'] })],
    ['an argument with half a surrogate pair', withExecution({ args: ['\ud800'] })],
    ['an argument of 200 KB', withExecution({ args: ['x'.repeat(200_000)] })],
    [
      'arguments of 2.6 MB in all',
      withExecution({ args: Array.from({ length: 26 }, () => 'x'.repeat(100_000)) }),
    ],
    [
      'an argument that is short in characters and long in bytes',
      withExecution({ args: ['😀'.repeat(40_000)] }),
    ],
    [
      'a link with half a surrogate pair',
      withEntries({ type: 'symlink', path: 'l', target: '\udfff' }),
    ],
    ['a runtime with a NUL', withSpec({ runtime: 'python\0' })],
    ['an image with a NUL', withSpec({ image: 'a\0' })],
    ['a root with half a surrogate pair', withSpec({ root: '/\ud800' })],
    ['an identity that is none', withExecution({ identity: 'x' })],
    ['no CPUs', withSpec({ limits: { ...spec.limits, cpus: 0 } })],
    ['too many CPUs', withSpec({ limits: { ...spec.limits, cpus: 1e6 } })],
    ['memory beyond all numbers', withSpec({ limits: { ...spec.limits, memoryBytes: 1e300 } })],
    ['too little memory', withSpec({ limits: { ...spec.limits, memoryBytes: 1 } })],
    ['no time', withSpec({ limits: { ...spec.limits, timeoutSeconds: 0 } })],
    ['time that nothing starts in', withSpec({ limits: { ...spec.limits, timeoutSeconds: 0.05 } })],
    ['endless time', withSpec({ limits: { ...spec.limits, timeoutSeconds: 1e12 } })],
    ['limits left out', withSpec({ limits: undefined })],
    ['an unknown sandbox', withSpec({ sandbox: 'chroot' })],
    ['an image in another sandbox', withSpec({ image: 'python', sandbox: 'process' })],
    ['a variable without a name', { env: { '': 'x' } }],
    ['a variable of a wrong name', { env: { 'A-B': 'x' } }],
    ['a variable with a NUL', { env: { A: 'a\0b' } }],
    ['a variable with half a surrogate pair', { env: { A: '\ud800' } }],
    ['a variable of 1 MB', { env: { A: 'x'.repeat(1 << 20) } }],
    ['variables of 1 MB in all', { env: manyVariables(10, 100_000) }],
    ['metadata that is no text', { metadata: { a: 1 } }],
    ['metadata with a NUL', { metadata: { a: 'a\0b' } }],
    ['metadata with half a surrogate pair', { metadata: { a: '\ud800' } }],
    ['metadata whose name has a NUL', { metadata: { 'a\0': 'x' } }],
    ['metadata without a name', { metadata: { '': 'x' } }],
    ['metadata of 2000 characters', { metadata: { a: 'x'.repeat(2000) } }],
    ['priority beyond measure', { priority: 101 }],
    ['half a priority', { priority: 0.5 }],
    ['parallel 0', { parallel: 0 }],
    ['parallel beyond measure', { parallel: 1e9 }],
    ['negative retries', { retries: -1 }],
    ['retries beyond measure', { retries: 1000 }],
    ['a short idempotency key', { idempotencyKey: 'x' }],
    ['an idempotency key with a NUL', { idempotencyKey: 'abcdefgh\0' }],
    ['an unknown way to rerun', { rerun: 'sometimes' }],
    ['a masked name with a NUL', { masked: ['a\0b'] }],
  ];

  test.each(cases)('%s', async (_name, changes) => {
    const { status, body } = await post({ ...toSubmission(), ...changes });
    expect([status, body.error?.code]).toEqual([400, 'invalid_request']);
    expect(body.error.message).not.toMatch(/\b(select|insert|postgres|at \/|\.ts)\b/i);
    // What only the database would refuse is not named by its field.
    expect(body.error.message).not.toContain('cannot be stored');
    expect(await countRows()).toEqual({ batches: 0, executions: 0, blobs: 0 });
  });

  test.each<[string, string, Record<string, unknown>]>([
    ['executions/0/args/1: may hold no NUL', 'a NUL', withExecution({ args: ['a', 'b\0'] })],
    ['executions/0/args/0: holds half of', 'half a pair', withExecution({ args: ['\ud800x'] })],
    [
      'executions/0/args/0: is longer than 128 KiB',
      'one long',
      withExecution({ args: ['x'.repeat(131_072)] }),
    ],
    [
      'executions/0/args: are longer than 1 MiB together',
      'all together',
      withExecution({ args: Array.from({ length: 9 }, () => 'x'.repeat(120_000)) }),
    ],
    ['metadata/a: may hold no NUL', 'metadata', { metadata: { a: '\0' } }],
    ['env/TOKEN: may hold no NUL', 'a variable', { env: { TOKEN: 'x\0' } }],
    ['env/LONG: is longer than 128 KiB', 'a long one', { env: { LONG: 'x'.repeat(131_070) } }],
    ['env: is longer than 512 KiB', 'all variables', { env: manyVariables(6, 100_000) }],
    [
      'spec/limits/timeoutSeconds: ',
      'time',
      withSpec({ limits: { ...spec.limits, timeoutSeconds: 0.05 } }),
    ],
  ])('and says so by the field: %s (%s)', async (message, _name, changes) => {
    const { body } = await post({ ...toSubmission(), ...changes });
    expect(body.error.message).toMatch(new RegExp(`^${message}`));
    expect(body.error.message).not.toMatch(/x{100}/);
  });

  test('what a program can just be handed is taken', async () => {
    const long = 'x'.repeat(131_071);
    const { status } = await post({
      ...toSubmission(),
      ...withExecution({ args: [...Array.from({ length: 7 }, () => long), '😀'.repeat(30_000)] }),
      env: { LONG: 'x'.repeat(131_072 - 'LONG=\0'.length), ...manyVariables(3, 100_000) },
    });
    expect(status).toBe(200);
  });

  describe('a size that is not that of the blob', () => {
    const content = 'seven b';
    const [held] = toEntries({ 'data/held.txt': content });
    const other = { ...held, sizeBytes: 5 };

    beforeAll(async () => {
      const put = await ana.api.put(`/blobs/${held?.sha256}?size=7`, Buffer.from(content));
      expect(put.body.isComplete).toBe(true);
    });

    test.each<[string, Record<string, unknown>]>([
      ['of a file', withEntries(other)],
      ['of an input', withExecution({ input: other })],
      ['of standard input', withSpec({ stdin: { sha256: held?.sha256, sizeBytes: 5 } })],
      ['of dependencies', withSpec({ dependencies: [{ manager: 'pip', files: [other] }] })],
    ])('%s', async (_name, changes) => {
      const { status, body } = await post({ ...toSubmission(), ...changes });
      expect([status, body.error.message]).toEqual([
        400,
        expect.stringMatching(
          /^"(data\/held.txt|standard input)" is said to have 5 bytes, but .* has 7$/,
        ),
      ]);
      expect(await countRows()).toEqual({ batches: 0, executions: 0, blobs: 0 });
    });

    test('that is told twice, and differently, before it is here', async () => {
      const [unknown] = toEntries({ b: 'never sent' });
      const entries = withEntries(unknown, { ...unknown, path: 'c', sizeBytes: 11 });
      const { body } = await post({ ...toSubmission(), ...entries });
      expect(body.error.message).toMatch(/^"c" is said to have 11 bytes, but its blob \w+ has 10$/);
    });
  });

  test('what is no JSON', async () => {
    const send = (body: string, type = 'application/json') =>
      ana.api.raw('/batches', { method: 'POST', body, headers: { 'content-type': type } });
    for (const body of ['', '{', '[]', 'null', '"text"', '{"__proto__":{"a":1}}'])
      expect((await send(body)).status, body).toBe(400);
    expect((await send('a=b', 'application/x-www-form-urlencoded')).status).toBe(415);
  });
});
