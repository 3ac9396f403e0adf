/** One installation on a server: staging and production may be neighbours on the same one. */
export interface Deployment {
  environment: 'staging' | 'production';
  /** A checkout with its packages installed, and the environment files. */
  folder: string;
  user: string;
}

export interface Unit {
  name: string;
  text: string;
}

/** The services of a deployment. Secrets stay in its environment file. */
export function renderUnits(deployment: Deployment): Unit[] {
  const { environment } = deployment;
  return [
    { name: `rgrid-api-${environment}.service`, text: toText(controlPlane(deployment)) },
    { name: `orchestrator-${environment}.service`, text: toText(daemon(deployment)) },
  ];
}

/** A comment, or a directive. */
type Line = string | readonly [name: string, value: string];

interface Sections {
  unit: readonly Line[];
  service: readonly Line[];
}

function controlPlane(deployment: Deployment): Sections {
  const { environment, folder } = deployment;
  return {
    unit: [
      ['Description', `RGrid control plane (${environment})`],
      ...AFTER_NETWORK,
      '# Without it nothing works: it is started again for as long as it takes.',
      ['StartLimitIntervalSec', '0'],
    ],
    service: [
      ...identity(deployment),
      ['EnvironmentFile', envFile(deployment)],
      '# What only the daemon needs. The cloud token is nowhere in this process.',
      ['UnsetEnvironment', 'HETZNER_API_TOKEN HETZNER_SSH_KEY_PATH'],
      [
        'ExecStart',
        `${folder}/node_modules/node/bin/node --disable-warning=ExperimentalWarning ${folder}/apps/orchestrator/src/main.ts`,
      ],
      ...restart('2'),
      ['LimitNOFILE', '65536'],
      ...stateFolder(deployment),
      ...HARDENING,
      // The manager has read the environment file by then.
      [
        'InaccessiblePaths',
        [...envFiles(deployment), sshFolder(deployment)].map(ifThere).join(' '),
      ],
    ],
  };
}

function daemon(deployment: Deployment): Sections {
  const { environment, folder } = deployment;
  const other = environment === 'staging' ? 'production' : 'staging';
  return {
    unit: [
      ['Description', `RGrid orchestrator daemon, makes and deletes workers (${environment})`],
      ...AFTER_NETWORK,
      ['After', `rgrid-api-${environment}.service`],
      '# While it is down nobody deletes servers: it is started again, less and less often.',
      ['StartLimitIntervalSec', '0'],
    ],
    service: [
      ...identity(deployment),
      ['ExecStart', `${folder}/bin/nexus daemon --env-file ${envFile(deployment)}`],
      ...restart('5'),
      ...stateFolder(deployment),
      ...HARDENING,
      '# The key that servers accept is made there if there is none.',
      ['ReadWritePaths', ifThere(sshFolder(deployment))],
      ['InaccessiblePaths', ifThere(envFile({ ...deployment, environment: other }))],
    ],
  };
}

const AFTER_NETWORK: readonly Line[] = [
  ['Wants', 'network-online.target'],
  ['After', 'network-online.target postgresql.service'],
];

function identity({ environment, folder, user }: Deployment): Line[] {
  return [
    ['Type', 'exec'],
    ['User', user],
    ['WorkingDirectory', folder],
    ['CacheDirectory', `rgrid-${environment}`],
    ['Environment', `NODE_COMPILE_CACHE=/var/cache/rgrid-${environment}`],
  ];
}

function stateFolder({ environment }: Deployment): Line[] {
  return [
    `# BLOB_FOLDER and WORKER_BUNDLES belong below /var/lib/rgrid-${environment}: nothing else can be written.`,
    ['StateDirectory', `rgrid-${environment}`],
    ['StateDirectoryMode', '0750'],
  ];
}

function restart(seconds: string): Line[] {
  return [
    ['Restart', 'always'],
    ['RestartSec', seconds],
    '# Since systemd 254; an older one waits the same each time.',
    ['RestartSteps', '6'],
    ['RestartMaxDelaySec', '120'],
    ['KillMode', 'mixed'],
    ['TimeoutStopSec', '30'],
  ];
}

/** Neither process needs any right but to talk to the network and to write to its own folders. */
const HARDENING: readonly Line[] = [
  ['UMask', '0077'],
  ['NoNewPrivileges', 'yes'],
  ['CapabilityBoundingSet', ''],
  ['AmbientCapabilities', ''],
  ['ProtectSystem', 'strict'],
  // The checkout may be below /home.
  ['ProtectHome', 'read-only'],
  ['PrivateTmp', 'yes'],
  ['PrivateDevices', 'yes'],
  ['PrivateUsers', 'yes'],
  ['ProtectProc', 'invisible'],
  ['ProtectClock', 'yes'],
  ['ProtectHostname', 'yes'],
  ['ProtectControlGroups', 'yes'],
  ['ProtectKernelLogs', 'yes'],
  ['ProtectKernelModules', 'yes'],
  ['ProtectKernelTunables', 'yes'],
  ['LockPersonality', 'yes'],
  ['RemoveIPC', 'yes'],
  ['RestrictNamespaces', 'yes'],
  ['RestrictRealtime', 'yes'],
  ['RestrictSUIDSGID', 'yes'],
  ['RestrictAddressFamilies', 'AF_INET AF_INET6 AF_UNIX AF_NETLINK'],
  ['SystemCallArchitectures', 'native'],
  ['SystemCallFilter', '@system-service'],
  ['SystemCallFilter', '~@privileged @resources'],
  ['SystemCallErrorNumber', 'EPERM'],
];

function envFile({ folder, environment }: Deployment): string {
  return `${folder}/.env.${environment}`;
}

function envFiles({ folder }: Deployment): string[] {
  return [`${folder}/.env.staging`, `${folder}/.env.production`];
}

function sshFolder({ user }: Deployment): string {
  return user === 'root' ? '/root/.ssh' : `/home/${user}/.ssh`;
}

/** A path that need not exist. */
function ifThere(path: string): string {
  return `-${path}`;
}

function toText({ unit, service }: Sections): string {
  return [
    '[Unit]',
    ...unit.map(toLine),
    '',
    '[Service]',
    ...service.map(toLine),
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

function toLine(line: Line): string {
  return typeof line === 'string' ? line : `${line[0]}=${line[1]}`;
}
