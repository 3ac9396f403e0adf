import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Mount, RunningSandbox, SandboxDriver, SandboxExit, SandboxSpec } from '../driver.ts';
import { sandboxOwner } from '../sandbox-owner.ts';

const MEGABYTE = 1024 * 1024;

export interface RunResult {
  stdout: Buffer;
  stderr: Buffer;
  exit: SandboxExit;
}

export type SpecChanges = Omit<Partial<SandboxSpec>, 'limits'> & {
  limits?: Partial<SandboxSpec['limits']>;
};

/** One driver, one workspace and short ways to run something in it. */
export interface Room {
  readonly driver: SandboxDriver;
  /** The workspace on the host, and the same as the script names it. */
  readonly workspace: string;
  readonly inside: string;
  /** Writes into the workspace, owned as a worker would leave it; answers the inside path. */
  write(name: string, content: string | Buffer, mode?: number): string;
  start(command: readonly string[], changes?: SpecChanges): Promise<RunningSandbox>;
  run(command: readonly string[], changes?: SpecChanges): Promise<RunResult>;
  sh(script: string, changes?: SpecChanges): Promise<RunResult>;
  node(script: string, changes?: SpecChanges): Promise<RunResult>;
  remove(): void;
}

export async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // Script output is never decoded on the way.
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function finish(running: RunningSandbox): Promise<RunResult> {
  const [stdout, stderr, exit] = await Promise.all([
    collect(running.stdout),
    collect(running.stderr),
    running.exited,
  ]);
  return { stdout, stderr, exit };
}

/** Node's own directory, mounted where it is: the interpreter every test machine has. */
const NODE = realpathSync(process.execPath);
const nodeMount: Mount = { source: dirname(NODE), target: dirname(NODE), access: 'read' };

export function isolates(driver: SandboxDriver): boolean {
  return driver.description.isolates;
}

function own(path: string): void {
  const owner = sandboxOwner();
  if (owner !== null) chownSync(path, owner.uid, owner.gid);
}

let runCounter = 0;

export function openRoom(driver: SandboxDriver): Room {
  const workspace = mkdtempSync(join(realpathSync(tmpdir()), 'sandbox-contract-'));
  own(workspace);
  const inside = isolates(driver) ? '/workspace' : workspace;

  const makeSpec = (
    command: readonly string[],
    { limits, ...changes }: SpecChanges,
  ): SandboxSpec => ({
    id: `contract-${process.pid}-${(runCounter += 1)}-${randomBytes(3).toString('hex')}`,
    command,
    cwd: inside,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: inside },
    mounts: [{ source: workspace, target: '/workspace', access: 'write' }, nodeMount],
    diskRoots: [workspace],
    network: false,
    stdin: { kind: 'empty' },
    killGraceMs: 300,
    ...changes,
    limits: {
      cpus: 2,
      memoryBytes: 512 * MEGABYTE,
      timeoutMs: 20_000,
      processes: 64,
      openFiles: 256,
      diskBytes: 256 * MEGABYTE,
      ...limits,
    },
  });
  const start = (command: readonly string[], changes: SpecChanges = {}): Promise<RunningSandbox> =>
    driver.start(makeSpec(command, changes));
  const run = async (command: readonly string[], changes: SpecChanges = {}): Promise<RunResult> =>
    finish(await start(command, changes));
  return {
    driver,
    workspace,
    inside,
    write(name, content, mode = 0o644) {
      const path = join(workspace, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      chmodSync(path, mode);
      own(path);
      return join(inside, name);
    },
    start,
    run,
    sh: (script, changes) => run(['/bin/sh', '-c', script], changes),
    node: (script, changes) => run([NODE, '-e', script], changes),
    remove: () => rmSync(workspace, { recursive: true, force: true }),
  };
}
