import { afterAll, describe, expect, test } from 'vitest';
import { TELL_PID } from './launcher-shells.ts';
import { openSandboxHost } from './sandbox-host.ts';

const host = await openSandboxHost();
afterAll(() => host.close());
const { shells } = host;

describe.skipIf(shells === null)('a launcher shell', () => {
  const run = (script: string) => {
    if (shells === null) throw new Error('skipped without shells');
    return shells.run(script);
  };
  const announced = (script: string) => run(`exec 9>&1 1>/dev/null\n${TELL_PID}${script}`);

  test('tells how its program ended', async () => {
    expect(await run('exit 0').exited).toBe(0);
    expect(await run('exit 7').exited).toBe(7);
    expect(await run('kill -TERM $(exec sh -c "echo \\$PPID")').exited).toBe(143);
  });

  test('tells the process a program has, also after exec', async () => {
    const child = announced('exec sleep 60\n');
    process.kill(await child.pid, 'SIGKILL');
    expect(await child.exited).toBe(137);
  });

  test('tells that a program ended before it was known', async () => {
    const child = run('exit 3');
    await expect(child.pid).rejects.toThrow('code 3');
  });

  test('runs as many at once as are asked for, and one after another in the same shell', async () => {
    const children = Array.from({ length: 5 }, () => announced('exec sleep 60\n'));
    const pids = await Promise.all(children.map((child) => child.pid));
    expect(new Set(pids).size).toBe(5);
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    expect(await Promise.all(children.map((child) => child.exited))).toEqual(
      Array.from({ length: 5 }, () => 143),
    );
    expect(await run('exit 4').exited).toBe(4);
  });

  test('that is killed counts as the end of what it ran, and another takes its place', async () => {
    expect(await run('kill -KILL $$').exited).toBe(137);
    expect(await run('exit 5').exited).toBe(5);
  });

  test('leaves its programs able to be interrupted', async () => {
    const child = announced('exec sleep 60\n');
    process.kill(await child.pid, 'SIGINT');
    expect(await child.exited).toBe(130);
  });

  test('hands on none of its own channels', async () => {
    const child = announced('[ ! -e /proc/self/fd/9 ] && exec test ! -e /proc/self/fd/9\n');
    await child.pid;
    expect(await child.exited).toBe(0);
  });
});
