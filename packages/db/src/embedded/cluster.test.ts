import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { openDatabase, type Database } from '../database.ts';
import { startCluster, type Cluster, type ClusterOptions } from './cluster.ts';
import { startGuard } from './guard.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-cluster-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Whatever a test started and did not end itself, because it failed. */
const clusters = new Set<Cluster>();
const children = new Set<ChildProcess>();

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  await Promise.all([...clusters].map((cluster) => cluster.stop()));
  clusters.clear();
});

async function start(options: ClusterOptions): Promise<Cluster> {
  const cluster = await startCluster(options);
  clusters.add(cluster);
  return cluster;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const WAIT = { timeout: 20_000, interval: 20 };

async function withDatabase<T>(
  cluster: Pick<Cluster, 'url'>,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = openDatabase({ url: cluster.url('postgres'), maxConnections: 2 });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

const one = (database: Database) => database.query<{ one: number }>('select 1 as one');
/** Asks until it is answered: the server may just be coming back. */
const answers = (database: Database) =>
  expect.poll(() => one(database).catch(() => []), WAIT).toEqual([{ one: 1 }]);

describe('a server of our own', () => {
  test('is made once, keeps its data, and leaves no process behind', async () => {
    const first = await start({ folder });
    await withDatabase(first, (database) =>
      database.query('create table kept as select 42 as answer'),
    );
    const { pid } = first;
    await first.stop();
    expect(isAlive(pid)).toBe(false);
    const second = await start({ folder });
    expect(await withDatabase(second, (database) => database.query('select * from kept'))).toEqual([
      { answer: 42 },
    ]);
    await second.stop();
    await second.stop();
  });

  test('can be reached through its folder only', async () => {
    const cluster = await start({ folder });
    const settings = await withDatabase(cluster, (database) =>
      database.query(
        "select name, setting from pg_settings where name in ('listen_addresses', 'unix_socket_permissions') order by name",
      ),
    );
    expect(settings).toEqual([
      { name: 'listen_addresses', setting: '' },
      { name: 'unix_socket_permissions', setting: '0700' },
    ]);
    await cluster.stop();
  });

  test('comes back after kill -9, with all that was committed', async () => {
    let crashes = 0;
    const cluster = await start({ folder, onCrash: () => (crashes += 1) });
    await withDatabase(cluster, async (database) => {
      await database.query('create table committed (n int)');
      for (const round of [1, 2]) {
        await database.query('insert into committed values ($1)', [round]);
        const { pid } = cluster;
        process.kill(pid, 'SIGKILL');
        await expect.poll(() => crashes, WAIT).toBe(round);
        await answers(database);
        await expect.poll(() => cluster.pid, WAIT).not.toBe(pid);
      }
      expect(await database.query('select n from committed order by n')).toEqual([
        { n: 1 },
        { n: 2 },
      ]);
    });
    await cluster.stop();
    expect(crashes, 'an orderly stop is no crash').toBe(2);
  });

  test('that is told to stop while it is coming back stops', async () => {
    const { promise: crashed, resolve } = Promise.withResolvers<void>();
    const cluster = await start({ folder, onCrash: resolve });
    process.kill(cluster.pid, 'SIGKILL');
    await crashed;
    await cluster.stop();
    expect(isAlive(cluster.pid)).toBe(false);
  });

  test('whose making was interrupted is made anew', async () => {
    const half = join(folder, 'half');
    const cluster = await start({ folder: half });
    await cluster.stop();
    await rm(join(half, 'data', 'PG_VERSION'));
    await writeFile(join(half, 'data', 'rubbish'), 'x');
    const again = await start({ folder: half });
    await withDatabase(again, one);
    await again.stop();
    expect(existsSync(join(half, 'data', 'rubbish'))).toBe(false);
  });

  test('works in a folder whose path is too long for a socket, and takes its own away again', async () => {
    const deep = join(
      folder,
      ...Array.from({ length: 6 }, (_, n) => `${n}-a folder with a long name`),
    );
    const before = await readdir(tmpdir());
    const cluster = await start({ folder: deep });
    expect(await withDatabase(cluster, one)).toEqual([{ one: 1 }]);
    const socket = decodeURIComponent(/host=([^&]+)/.exec(cluster.url('x'))?.[1] ?? '');
    expect(socket.length).toBeLessThan(90);
    expect(before).not.toContain(socket.split('/').at(-1));
    await cluster.stop();
    expect(existsSync(socket)).toBe(false);
  });

  test('that cannot start says where its log is', async () => {
    const starting = startCluster({ folder, settings: { shared_buffers: 'nonsense' } });
    await expect(starting).rejects.toThrow(
      `PostgreSQL did not start; its log is ${join(folder, 'postgres.log')}`,
    );
  });
});

/** A platform of its own that can be killed: it starts the cluster, says where it is, and stays. */
async function startPlatform(): Promise<{ child: ChildProcess; serverPid: number }> {
  const script = `import { startCluster } from ${JSON.stringify(new URL('./cluster.ts', import.meta.url).href)};
    const cluster = await startCluster({ folder: ${JSON.stringify(folder)} });
    console.log(cluster.pid);
    setInterval(() => undefined, 1000);`;
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  children.add(child);
  const [line] = await once(createInterface({ input: child.stdout ?? process.stdin }), 'line');
  return { child, serverPid: Number(line) };
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function findGuard(serverPid: number): Promise<number> {
  for (const name of await readdir('/proc')) {
    const commandLine = await readFile(join('/proc', name, 'cmdline'), 'utf8').catch(() => '');
    if (commandLine.includes(`nexus-guard\0${serverPid}\0`)) return Number(name);
  }
  return 0;
}

describe.skipIf(process.platform !== 'linux')(
  'when the platform is killed with -9 [needs linux]',
  () => {
    test('the server ends with it', async () => {
      const { child, serverPid } = await startPlatform();
      expect(isAlive(serverPid)).toBe(true);
      await kill(child);
      await expect.poll(() => isAlive(serverPid), WAIT).toBe(false);
    });

    test('and its guard, too, the next one ends the server that was left, and takes over', async () => {
      const { child, serverPid } = await startPlatform();
      await expect.poll(() => findGuard(serverPid), WAIT).toBeGreaterThan(0);
      process.kill(await findGuard(serverPid), 'SIGKILL');
      await kill(child);
      expect(isAlive(serverPid)).toBe(true);
      const cluster = await start({ folder });
      expect(isAlive(serverPid)).toBe(false);
      expect(await withDatabase(cluster, one)).toEqual([{ one: 1 }]);
      await cluster.stop();
    });
  },
);

describe('a guard', () => {
  test('that is released lets the process live', async () => {
    const child = spawn('sleep', ['60']);
    children.add(child);
    const guard = startGuard(child.pid ?? 0);
    guard.release();
    guard.release();
    expect(isAlive(child.pid ?? 0)).toBe(true);
    await kill(child);
  });
});
