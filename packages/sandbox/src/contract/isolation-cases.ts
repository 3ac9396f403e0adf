import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mount } from '../driver.ts';
import { sandboxOwner } from '../sandbox-owner.ts';
import type { ContractCase } from './contract-case.ts';

/** Answers what became of a TCP connection, from inside. */
function connectScript(host: string, port: number): string {
  return `
    const socket = require('node:net').connect({ host: '${host}', port: ${port}, timeout: 3000 });
    const say = (text) => { console.log(text); process.exit(); };
    socket.on('connect', () => say('connected'));
    socket.on('timeout', () => say('timeout'));
    socket.on('error', (error) => say(error.code));`;
}

async function withServer(use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    // A server that listens on a port has an address of this shape.
    await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

const network: ContractCase[] = [
  {
    name: 'has no network unless asked, not even to this machine',
    needsIsolation: true,
    async run(room) {
      await withServer(async (port) => {
        const { stdout } = await room.node(connectScript('127.0.0.1', port));
        assert.equal(stdout.toString(), 'ECONNREFUSED\n');
      });
      const { stdout } = await room.node(connectScript('169.254.169.254', 80));
      assert.equal(stdout.toString(), 'ENETUNREACH\n');
      const list = await room.sh('cat /proc/net/dev');
      assert.deepEqual(
        list.stdout
          .toString()
          .match(/^\s*\S+:/gm)
          ?.map((name) => name.trim()),
        ['lo:'],
      );
    },
  },
  {
    name: 'has a loopback of its own',
    needsIsolation: true,
    async run(room) {
      const script = `
        const server = require('node:net').createServer((socket) => socket.end('own'));
        server.listen(0, '127.0.0.1', () => {
          require('node:net').connect(server.address().port, '127.0.0.1').on('data', (text) => {
            console.log(String(text)); process.exit();
          });
        });`;
      assert.equal((await room.node(script)).stdout.toString(), 'own\n');
    },
  },
  {
    name: 'reaches the network when asked',
    notInDocker: 'its network is a bridge, not the host’s loopback',
    async run(room) {
      await withServer(async (port) => {
        const { stdout } = await room.node(connectScript('127.0.0.1', port), { network: true });
        assert.equal(stdout.toString(), 'connected\n');
      });
    },
  },
  {
    name: 'never reaches the metadata service, with network neither',
    needsIsolation: true,
    needsRoot: true,
    async run(room) {
      const { stdout } = await room.node(connectScript('169.254.169.254', 80), { network: true });
      // Over a bridge the refusal comes back as a message of the host's.
      assert.match(stdout.toString(), /^(EACCES|EHOSTUNREACH)\n$/);
    },
  },
];

const files: ContractCase[] = [
  {
    name: 'sees nothing of the host but what programs need',
    needsIsolation: true,
    async run(room) {
      const places =
        '/root /home /run /var/run /var/lib /boot /mnt /srv /etc/ssh /etc/shadow /etc/ssl/private';
      const script = `for p in ${places}; do ls -A "$p"; done 2>/dev/null; cat /var/run/docker.sock /etc/shadow; true`;
      const { stdout } = await room.sh(script);
      assert.equal(stdout.toString(), '');
    },
  },
  {
    name: 'cannot read another execution’s files or the worker’s environment',
    needsIsolation: true,
    async run(room) {
      const other = mkdtempSync(join(tmpdir(), 'sandbox-other-'));
      writeFileSync(join(other, 'secret'), 'secret', { mode: 0o666 });
      const { exit } = await room.sh(`cat ${other}/secret /proc/${process.pid}/environ`);
      rmSync(other, { recursive: true });
      assert.notDeepEqual(exit.outcome, { kind: 'exited', exitCode: 0 });
    },
  },
  {
    name: 'can write to its mounts, /tmp and /dev/shm only',
    notInDocker: 'the rest depends on the image',
    needsIsolation: true,
    async run(room) {
      const places = ['/', '/usr', '/etc', '/dev', '/run', '/var', '/proc/sys/kernel', '/bin'];
      const script = places.map((path) => `touch ${path}/x 2>/dev/null && echo ${path}`).join('\n');
      const { stdout } = await room.sh(
        `${script}\ntouch /tmp/x /var/tmp/y /dev/shm/x ${room.inside}/x && echo fine`,
      );
      assert.equal(stdout.toString(), 'fine\n');
    },
  },
  {
    name: 'keeps /tmp to itself and bounded',
    needsIsolation: true,
    async run(room) {
      const limits = { memoryBytes: 128 * 1024 * 1024 };
      const { exit, stderr } = await room.sh('ls -A /tmp; head -c 100000000 /dev/zero > /tmp/big', {
        limits,
      });
      assert.notDeepEqual(exit.outcome, { kind: 'exited', exitCode: 0 });
      assert.match(stderr.toString(), /space/);
    },
  },
  {
    name: 'mounts names with spaces, unicode and newlines, files and directories, for reading or writing',
    needsIsolation: true,
    async run(room) {
      const host = mkdtempSync(join(tmpdir(), 'sandbox mounts ñ\n\\040#-'));
      const make = (name: string, access: Mount['access']): Mount => {
        mkdirSync(join(host, name));
        writeFileSync(join(host, name, 'in'), name);
        const owner = sandboxOwner();
        if (owner !== null) execFileSync('chown', ['-R', `${owner.uid}:${owner.gid}`, host]);
        return { source: join(host, name), target: `/mnt/${name}`, access };
      };
      const mounts = [
        make('a b\tc', 'read'),
        make('línea\ntwo', 'write'),
        make("it's # \\040", 'read'),
      ];
      writeFileSync(join(host, 'one file.txt'), 'file');
      chmodSync(join(host, 'one file.txt'), 0o644);
      mounts.push({
        source: join(host, 'one file.txt'),
        target: '/data/one file.txt',
        access: 'read',
      });
      mounts.push({ source: room.workspace, target: '/workspace', access: 'write' });
      const script = `for d in /mnt/*; do cat "$d/in"; echo x > "$d/out" && echo " writable"; done 2>/dev/null; cat "/data/one file.txt"`;
      const { stdout } = await room.sh(script, { mounts });
      const written = readFileSync(join(host, 'línea\ntwo', 'out'), 'utf8');
      rmSync(host, { recursive: true });
      assert.equal(stdout.toString(), "a b\tcit's # \\040línea\ntwo writable\nfile");
      assert.equal(written, 'x\n');
    },
  },
  {
    name: 'mounts inside a mount, and over /tmp',
    needsIsolation: true,
    async run(room) {
      const host = mkdtempSync(join(tmpdir(), 'sandbox-nested-'));
      mkdirSync(join(room.workspace, 'deps'), { recursive: true });
      writeFileSync(join(host, 'module'), 'here');
      chmodSync(join(host, 'module'), 0o644);
      chmodSync(host, 0o755);
      symlinkSync(host, join(host, 'loop'));
      const mounts: Mount[] = [
        { source: host, target: '/workspace/deps', access: 'read' },
        { source: room.workspace, target: '/workspace', access: 'write' },
        { source: host, target: '/tmp', access: 'read' },
      ];
      const { stdout } = await room.sh(
        'cat /workspace/deps/module /tmp/module; touch deps/x 2>&- || echo no',
        { mounts },
      );
      rmSync(host, { recursive: true });
      assert.equal(stdout.toString(), 'herehereno\n');
    },
  },
  {
    name: 'says which mount cannot be made',
    notInDocker: 'the engine has its own words',
    needsIsolation: true,
    async run(room) {
      const base: Mount = { source: room.workspace, target: '/workspace', access: 'write' };
      const bad: [Mount, RegExp][] = [
        [
          { source: '/no/such/source', target: '/data', access: 'read' },
          /\/no\/such\/source does not exist/,
        ],
        [{ source: '/usr', target: 'data', access: 'read' }, /not a plain absolute path/],
        [{ source: '/usr', target: '/proc/x', access: 'read' }, /nothing can be mounted in \/proc/],
        [{ source: '/usr', target: '/workspace', access: 'read' }, /two mounts/],
        [
          { source: '/usr', target: '/workspace/nothing', access: 'read' },
          /does not exist in \/workspace/,
        ],
      ];
      for (const [mount, reason] of bad) {
        const { exit } = await room.sh('true', { mounts: [base, mount] });
        assert.equal(exit.outcome.kind, 'not_started');
        assert.match(JSON.stringify(exit.outcome), reason);
      }
    },
  },
];

const rights: ContractCase[] = [
  {
    name: 'has no capabilities and can gain no privileges',
    needsIsolation: true,
    async run(room) {
      const { stdout } = await room.sh(
        'grep -E "^(CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs)" /proc/self/status',
      );
      const values = stdout
        .toString()
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[1]);
      const none = '0000000000000000';
      assert.deepEqual(values, [none, none, none, none, '1']);
    },
  },
  {
    name: 'runs as the owner of its files',
    notInDocker: 'the image names its users',
    needsIsolation: true,
    async run(room) {
      const { stdout } = await room.sh('id -u; id -un; touch mine; stat -c %u mine');
      const uid = sandboxOwner()?.uid ?? process.getuid?.();
      assert.equal(stdout.toString(), `${uid}\nsandbox\n${uid}\n`);
    },
  },
  {
    name: 'cannot make user namespaces',
    needsIsolation: true,
    async run(room) {
      const { exit } = await room.sh('unshare --user --map-root-user true 2>/dev/null');
      assert.deepEqual(exit.outcome, { kind: 'exited', exitCode: 1 });
    },
  },
  {
    name: 'sees its own processes only, under a fixed host name',
    needsIsolation: true,
    async run(room) {
      const { stdout } = await room.sh(
        'ls /proc | grep -c "^[0-9]"; cat /proc/sys/kernel/hostname; uname -n',
      );
      const [count, ...names] = stdout.toString().trim().split('\n');
      assert.ok(Number(count) < 8, `${count} processes`);
      assert.deepEqual(names, ['rgrid', 'rgrid']);
    },
  },
  {
    name: 'does not run code named by LD_PRELOAD before its privileges are gone',
    needsIsolation: true,
    async run(room) {
      const { stderr } = await room.sh('true', {
        env: { PATH: '/usr/bin:/bin', LD_PRELOAD: '/nowhere.so' },
      });
      // One complaint per program started with it: the script's shell alone.
      assert.equal(stderr.toString().match(/nowhere\.so/g)?.length ?? 0, 1);
    },
  },
];

export const isolationCases: readonly ContractCase[] = [...network, ...files, ...rights];
