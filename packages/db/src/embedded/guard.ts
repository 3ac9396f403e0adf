import { spawn } from 'node:child_process';

export interface Guard {
  /** The guarded process is gone or meant to stay: the guard leaves without a word. */
  release(): void;
}

// Reads one line from a pipe that nobody writes to unless to release it. If this process dies, however
// it dies, the pipe closes without that line, and the guard stops the server.
const SCRIPT = 'if read -r line; then exit 0; fi; kill -INT "$1" 2>/dev/null';

/** Stops process `pid` when this process dies, also by kill -9, which no handler of ours could catch. */
export function startGuard(pid: number): Guard {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'nexus-guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  return { release: () => void child.stdin.end('release\n') };
}
