import type Docker from 'dockerode';
import type { SandboxSpec } from './driver.ts';
import { LAUNCHER_PROCESSES } from './launch-script.ts';
import { scriptIds } from './sandbox-owner.ts';
import { tmpBytes } from './tmp-size.ts';

export const OWNER_LABEL = 'dev.rgrid.owner';

export interface ContainerWish {
  spec: SandboxSpec;
  image: string;
  owner: string;
  /** Used when the spec asks for a network. */
  network: string;
}

function limitsOf(spec: SandboxSpec): Docker.HostConfig {
  const { limits } = spec;
  const memory = Math.floor(limits.memoryBytes);
  const ulimit = (name: string, value: number): Docker.Ulimit => ({
    Name: name,
    Soft: value,
    Hard: value,
  });
  return {
    Memory: memory,
    // Memory and swap together, so this means no swap.
    MemorySwap: memory,
    NanoCpus: Math.round(limits.cpus * 1e9),
    PidsLimit: limits.processes + LAUNCHER_PROCESSES,
    Ulimits: [
      ulimit('nofile', limits.openFiles),
      ulimit('fsize', Math.ceil(limits.diskBytes)),
      ulimit('core', 0),
    ],
    ShmSize: tmpBytes(spec),
  };
}

/** The engine's `tmpfs` is noexec by default, which breaks what builds and runs things there. */
function tmpfsOf(spec: SandboxSpec): Record<string, string> {
  if (spec.mounts.some((mount) => mount.target === '/tmp')) return {};
  return { '/tmp': `rw,nosuid,nodev,exec,mode=1777,size=${tmpBytes(spec)}` };
}

function isolationOf(spec: SandboxSpec, network: string): Docker.HostConfig {
  return {
    // A bridge of the engine's rather than the host's network: services on the host's loopback stay out of reach.
    NetworkMode: spec.network ? network : 'none',
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    ReadonlyRootfs: true,
    Tmpfs: tmpfsOf(spec),
    Init: true,
    IpcMode: 'private',
    // Kept by the worker; a log of the engine's own would fill the disk unseen.
    LogConfig: { Type: 'none', Config: {} },
    Mounts: spec.mounts.map((mount) => ({
      Type: 'bind' as const,
      Source: mount.source,
      Target: mount.target,
      ReadOnly: mount.access === 'read',
    })),
  };
}

/** The image's own variables (PATH and the like) stay, below those of the spec. */
export function containerOptions({
  spec,
  image,
  owner,
  network,
}: ContainerWish): Docker.ContainerCreateOptions {
  const { uid, gid } = scriptIds();
  const hasInput = spec.stdin.kind !== 'empty';
  return {
    name: `rgrid-${spec.id}`,
    Image: image,
    // As entry point: an image's own would otherwise run first.
    Entrypoint: [...spec.command],
    Cmd: [],
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    WorkingDir: spec.cwd,
    Hostname: 'rgrid',
    User: `${uid}:${gid}`,
    Labels: { [OWNER_LABEL]: owner },
    OpenStdin: hasInput,
    StdinOnce: hasInput,
    AttachStdin: hasInput,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    HostConfig: { ...limitsOf(spec), ...isolationOf(spec, network) },
  };
}
