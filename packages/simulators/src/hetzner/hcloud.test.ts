import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { has } from '@nexus/testkit';

import { createCheckedHetzner, PUBLIC_KEYS } from '../testing/index.ts';
import { createRealClock, type HetznerSimulator } from './index.ts';

interface Result {
  /** Null, if it had to be killed. */
  code: number | null;
  out: string;
  error: string;
}

describe.skipIf(!has('hcloud'))('the official client [needs hcloud]', () => {
  let simulator: HetznerSimulator;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hcloud-'));
    // A minute of the cloud is a second here: the client really polls until its actions are over.
    simulator = createCheckedHetzner({ clock: createRealClock(60) });
    await simulator.listen();
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
    await simulator.close();
  });

  test('creates, lists, describes and deletes servers', async () => {
    const made = await succeed(
      'server create --name w1 --type cx23 --image ubuntu-24.04 --location nbg1 --label pool=a',
    );
    expect(made).toMatch(/Server \d+ created\nIPv4: 198\.\d+\.\d+\.\d+\n/);
    expect(made).toMatch(/Root password: \S{20}/);
    expect(await succeed('server list -l pool=a -o noheader -o columns=name,status')).toMatch(
      /^w1 +running/,
    );
    expect(await succeed('server list -l pool!=a -o noheader -o columns=name')).toBe('');
    const described = JSON.parse(await succeed('server describe w1 -o json'));
    expect(described).toMatchObject({ name: 'w1', status: 'running', labels: { pool: 'a' } });
    expect(await fail('server create --name w1 --type cx23 --image ubuntu-24.04')).toBe(
      'hcloud: server name is already used (uniqueness_error)',
    );
    await succeed('server poweroff w1');
    expect(await succeed('server list -o noheader -o columns=status')).toMatch(/^off/);
    await succeed('server enable-protection w1 delete');
    expect(await fail('server delete w1')).toContain('server deletion is protected (protected)');
    await succeed('server disable-protection w1 delete');
    expect(await succeed('server delete w1')).toBe('Server w1 deleted\n');
    expect(await fail('server delete nobody')).toBe('hcloud: Server not found: nobody');
  });

  test('creates a server with everything it is to have', async () => {
    const userData = join(folder, 'user-data');
    await writeFile(userData, '#cloud-config');
    await succeed('firewall create --name f1');
    await succeed('placement-group create --name g1 --type spread');
    await succeed('network create --name n1 --ip-range 10.0.0.0/16');
    await succeed('network add-subnet n1 --type cloud --network-zone eu-central');
    await succeed(
      `server create --name w1 --type cx23 --image ubuntu-24.04 --firewall f1 --network n1 --placement-group g1 --user-data-from-file ${userData}`,
    );
    const server = JSON.parse(await succeed('server describe w1 -o json'));
    expect(server).toMatchObject({
      public_net: { firewalls: [{ status: 'applied' }] },
      private_net: [{ ip: '10.0.0.2' }],
      placement_group: { name: 'g1' },
    });
    expect(simulator.account.servers()).toMatchObject([{ userData: '#cloud-config' }]);
  });

  test('is told why a server cannot be made', async () => {
    const create = 'server create --name w2 --image ubuntu-24.04 --type';
    expect(await fail(`${create} cx22`)).toBe('hcloud: server type not found (not_found)');
    simulator.account.stock.set('cx23', 'fsn1', 0);
    expect(await fail(`${create} cx23 --location fsn1`)).toBe(
      'hcloud: error during placement (resource_unavailable)',
    );
    expect(await fail(`${create} cx23 --location sin`)).toBe(
      'hcloud: unsupported location for server type (invalid_input)',
    );
    simulator.account.limits.servers = 0;
    expect(await fail(`${create} cx33`)).toBe(
      'hcloud: server limit exceeded (resource_limit_exceeded)',
    );
    expect((await hcloud('server list', 'wrong'.padEnd(64, '0'))).error.trim()).toBe(
      'hcloud: unable to authenticate (unauthorized)',
    );
  });

  test('creates, lists, describes and deletes SSH keys', async () => {
    const file = join(folder, 'key.pub');
    await writeFile(file, PUBLIC_KEYS[0]);
    const create = `ssh-key create --public-key-from-file ${file} --name`;
    expect(await succeed(`${create} k1`)).toMatch(/^SSH key \d+ created\n$/);
    expect(await fail(`${create} k2`)).toBe('hcloud: SSH key not unique (uniqueness_error)');
    expect(await succeed('ssh-key list -o noheader -o columns=name')).toBe('k1\n');
    expect(await succeed('ssh-key describe k1')).toContain(PUBLIC_KEYS[0]);
    const made = await succeed(
      'server create --name w1 --type cax11 --image 161547270 --ssh-key k1',
    );
    expect(made).not.toContain('password');
    await succeed('ssh-key delete k1');
    expect(await fail('ssh-key describe k1')).toBe('hcloud: SSH Key not found: k1');
  });

  test('reads server types, locations and images', async () => {
    expect(await succeed('server-type list -o noheader -o columns=name')).toMatch(/^cx23$/m);
    expect(await succeed('server-type describe cx23')).toContain('€ 0.0104720000000000');
    expect(await fail('server-type describe cx22')).toBe('hcloud: serverType not found: cx22');
    expect(await succeed('location list -o noheader -o columns=name')).toBe(
      'fsn1\nnbg1\nhel1\nash\nhil\nsin\n',
    );
    expect(await succeed('location describe nbg1')).toContain('Nuremberg DC Park 1');
    expect(await succeed('image list -o noheader -o columns=name')).toMatch(/^ubuntu-24.04$/m);
    expect(await succeed('image describe debian-13')).toContain('Debian 13');
    expect(await fail('datacenter list')).toContain('(deprecated_api_endpoint)');
  });

  test('creates, applies, changes and deletes firewalls', async () => {
    await succeed('server create --name w1 --type cx23 --image ubuntu-24.04');
    await succeed('firewall create --name f1');
    await succeed(
      'firewall add-rule f1 --direction in --protocol tcp --port 22 --source-ips 192.0.2.0/24 --source-ips 2001:db8::/32',
    );
    await succeed('firewall apply-to-resource f1 --type server --server w1');
    const described = await succeed('firewall describe f1');
    expect(described).toContain('2001:db8::/32');
    expect(described).toContain('Server Name:\tw1');
    expect(await fail('firewall delete f1')).toMatch(/still in use \(resource_in_use\)$/);
    await succeed('firewall remove-from-resource f1 --type server --server w1');
    await succeed('firewall delete f1');
    expect(await succeed('firewall list -o noheader')).toBe('');
  });

  test('creates, fills and deletes networks', async () => {
    await succeed('server create --name w1 --type cx23 --image ubuntu-24.04');
    await succeed('network create --name n1 --ip-range 10.0.0.0/16');
    await succeed(
      'network add-subnet n1 --type cloud --network-zone eu-central --ip-range 10.0.1.0/24',
    );
    await succeed('server attach-to-network w1 --network n1');
    expect(await succeed('server describe w1')).toContain('10.0.1.1');
    expect(await succeed('network list -o noheader')).toContain('1 server');
    expect(await succeed('network describe n1')).toContain('10.0.1.0/24');
    expect(await fail('network create --name n1 --ip-range 10.0.0.0/16')).toContain(
      '(uniqueness_error)',
    );
    await succeed('network delete n1');
    expect(await fail('network describe n1')).toContain('network not found: n1');
  });

  test('leaves a snapshot of a server behind, and deletes it', async () => {
    await succeed('server create --name w1 --type cx23 --image ubuntu-24.04');
    const made = await succeed('server create-image w1 --type snapshot --description worker');
    const id = /Image (\d+) created/.exec(made)?.[1];
    expect(await succeed('image list -t snapshot -o noheader -o columns=id,description')).toMatch(
      new RegExp(`^${id} +worker`),
    );
    await succeed(`image delete ${id}`);
    expect(await succeed('image list -t snapshot -o noheader')).toBe('');
  });

  async function succeed(command: string): Promise<string> {
    const { code, out, error } = await hcloud(command);
    expect({ command, code, error }).toMatchObject({ command, code: 0 });
    return out;
  }

  async function fail(command: string): Promise<string> {
    const { code, error } = await hcloud(command);
    expect({ command, code }).toEqual({ command, code: 1 });
    return error.trim();
  }

  function hcloud(command: string, token = simulator.token): Promise<Result> {
    const env = {
      PATH: process.env['PATH'],
      HOME: folder,
      HCLOUD_ENDPOINT: simulator.url,
      HCLOUD_TOKEN: token,
    };
    const args = ['--poll-interval', '50ms', ...command.split(' ')];
    return new Promise((resolve) => {
      const child = execFile('hcloud', args, { env, timeout: 20_000 }, (_, out, error) => {
        resolve({ code: child.exitCode, out, error });
      });
    });
  }
});
