import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';

import { AppError } from '@nexus/kit/errors';

/** The worker as a file: fetched at the first start, and used only if its bytes have this SHA-256. */
export interface BootBundle {
  url: string;
  sha256: string;
}

/** What one server is told about itself. Anyone on the server with root may read it. */
export interface ServerBoot {
  /** Where the server reaches the control plane. */
  apiBase: string;
  /** Good for one registration, for a short time. */
  joinToken: string;
  serverName: string;
  /** Null: one for each processor. */
  slots: number | null;
  /** Null: the image has a worker. */
  bundle: BootBundle | null;
}

/** https://docs.hetzner.cloud/reference/cloud#servers-create-a-server: user_data */
export const MAX_USER_DATA_BYTES = 32 * 1024;

const WORKER_FOLDER = '/var/lib/rgrid';

const PATH =
  '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/rgrid/current/node/bin';

/** The user data with which a server with a system image, or a snapshot of ours, becomes a worker. */
export function renderCloudInit(boot: ServerBoot): string {
  return toUserData({
    files: [
      { path: '/etc/rgrid/worker.env', mode: '0600', content: workerEnvironment(boot) },
      ...bundleFile(boot.bundle),
      ...MACHINE_FILES,
    ],
    command: 'rgrid-install && systemctl enable --now rgrid-worker.service',
  });
}

/** The user data with which a server prepares its disk for a snapshot, and powers itself off when all went well. */
export function renderImageCloudInit({ bundle }: { bundle: BootBundle }): string {
  return toUserData({
    files: [
      ...bundleFile(bundle),
      ...MACHINE_FILES,
      script('rgrid-clean-image', 'rgrid-clean-image.sh'),
    ],
    command: 'rgrid-install && rgrid-clean-image && systemctl poweroff',
  });
}

interface MachineFile {
  path: string;
  mode: string;
  content: string;
}

const MACHINE_FILES: readonly MachineFile[] = [
  script('rgrid-fetch-worker', 'rgrid-fetch-worker.sh'),
  script('rgrid-install', 'rgrid-install.sh'),
  setting('/etc/systemd/system/rgrid-worker.service', 'rgrid-worker.service'),
  setting('/etc/rgrid/metadata.nft', 'metadata.nft'),
  setting('/etc/apt/apt.conf.d/99-rgrid', 'apt.conf'),
  setting('/etc/dpkg/dpkg.cfg.d/99-rgrid', 'dpkg.cfg'),
  // The first value that sshd reads counts: before cloud-init's own 50-cloud-init.conf.
  setting('/etc/ssh/sshd_config.d/10-rgrid.conf', 'sshd.conf'),
];

function script(name: string, file: string): MachineFile {
  return { path: `/usr/local/sbin/${name}`, mode: '0755', content: load(file) };
}

function setting(path: string, file: string): MachineFile {
  return { path, mode: '0644', content: load(file) };
}

function load(file: string): string {
  return readFileSync(new URL(`./files/${file}`, import.meta.url), 'utf8');
}

function workerEnvironment({ apiBase, joinToken, serverName, slots }: ServerBoot): string {
  const variables = {
    API_BASE: check('apiBase', apiBase, URL_TEXT),
    WORKER_JOIN_TOKEN: check('joinToken', joinToken, /^[\w-]{32,200}$/),
    // RFC 1123, as the cloud asks of the names of servers.
    WORKER_NAME: check('serverName', serverName, /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i),
    WORKER_FOLDER,
    ...(slots === null ? {} : { WORKER_SLOTS: check('slots', String(slots), /^[1-9]\d{0,3}$/) }),
    PATH,
  };
  return toLines(Object.entries(variables).map(([name, value]) => `${name}=${value}`));
}

function bundleFile(bundle: BootBundle | null): MachineFile[] {
  if (!bundle) return [];
  const url = check('bundle.url', bundle.url, URL_TEXT);
  const digest = check('bundle.sha256', bundle.sha256, /^[0-9a-f]{64}$/);
  const content = toLines([`BUNDLE_URL='${url}'`, `BUNDLE_SHA256=${digest}`]);
  return [{ path: '/etc/rgrid/bundle.env', mode: '0644', content }];
}

/** What means nothing special to a shell in quotes, to systemd, or to a reader of lines. */
const URL_TEXT = /^https?:\/\/[\w.~:/?[\]@!&()*+,;=%-]+$/;

function check(name: string, value: string, pattern: RegExp): string {
  if (pattern.test(value)) return value;
  // The value may be a secret.
  throw new AppError('invalid_request', `a server cannot be booted with this ${name}`);
}

function toLines(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function toUserData({
  files,
  command,
}: {
  files: readonly MachineFile[];
  command: string;
}): string {
  const config = {
    // No user but root, and no password for anybody.
    users: [],
    disable_root: false,
    ssh_pwauth: false,
    package_update: false,
    package_upgrade: false,
    // Scripts bring their own; generating one takes seconds.
    locale: false,
    write_files: files.map(({ path, mode, content }) => ({ path, permissions: mode, content })),
    runcmd: [command],
  };
  // cloud-init reads YAML 1.1, where more words mean true, and 0644 is a number.
  const text = `#cloud-config\n${stringify(config, { version: '1.1', lineWidth: 0 })}`;
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > MAX_USER_DATA_BYTES) {
    throw new AppError(
      'payload_too_large',
      `the user data has ${sizeBytes} bytes, and a server takes at most ${MAX_USER_DATA_BYTES}`,
    );
  }
  return text;
}
