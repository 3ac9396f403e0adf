import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What some tests need and a machine may lack. The name in brackets in a suite's title is one of these. */
export type Component =
  | 'docker'
  | 'bubblewrap'
  | 'namespaces'
  | 'root'
  | 'pip'
  | 'npm registry'
  | 'ssh-keygen'
  | 'hcloud'
  | 'hetzner-openapi'
  | 'curl'
  | 'nft'
  | 'systemd-analyze';

const CHECKS: Record<Component, () => boolean> = {
  docker: () => works('docker', ['info', '--format', '{{.ServerVersion}}']),
  bubblewrap: () => works('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true']),
  namespaces: () =>
    works(
      'unshare',
      process.getuid?.() === 0 ? ['--mount', 'true'] : ['--user', '--map-root-user', 'true'],
    ),
  root: () => process.getuid?.() === 0,
  pip: () => works('python3', ['-m', 'pip', '--version']),
  'ssh-keygen': () => works('sh', ['-c', 'command -v ssh-keygen']),
  hcloud: () => works('hcloud', ['version']),
  // The official document is not part of the project; its path is given.
  'hetzner-openapi': () => existsSync(process.env['HETZNER_OPENAPI'] ?? ''),
  curl: () => works('curl', ['--version']),
  nft: () => works('nft', ['--version']),
  'systemd-analyze': () => works('systemd-analyze', ['--version']),
  'npm registry': () => works('npm', ['view', 'is-number@7.0.0', 'version']),
};

export function has(component: Component): boolean {
  return CHECKS[component]();
}

function works(program: string, args: string[]): boolean {
  try {
    // `info` of a client without an engine exits 0 on some versions but prints nothing.
    return (
      execFileSync(program, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: 20_000 })
        .length >= 0
    );
  } catch {
    return false;
  }
}
