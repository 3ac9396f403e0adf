import { spawnSync } from 'node:child_process';

const IMAGE = 'rgrid-test/python:3.11';

/** True where an engine answers and has the image of scripts/make-test-image.sh. */
export function hasDocker(): boolean {
  return (
    spawnSync('docker', ['image', 'inspect', IMAGE], { stdio: 'ignore', timeout: 10_000 })
      .status === 0
  );
}

export function dockerCommand(folder: string, command: readonly string[]): string[] {
  return [
    'docker',
    'run',
    '--rm',
    '--network',
    'none',
    '-v',
    `${folder}:${folder}`,
    '-w',
    folder,
    IMAGE,
    ...command,
  ];
}
