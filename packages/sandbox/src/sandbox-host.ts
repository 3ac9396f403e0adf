import { openSync } from 'node:fs';
import type { CgroupParent } from './cgroup.ts';
import { createFifoPool, type FifoPool } from './fifo-pool.ts';
import { findCgroupParent } from './find-cgroup-parent.ts';
import { findHostTools, type HostTools } from './host-tools.ts';
import { createLauncherShells, type LauncherShells } from './launcher-shells.ts';
import { createMetadataBlock, type MetadataBlock } from './metadata-block.ts';
import { createThreadCounter } from './own-threads.ts';
import { createMarks, type ProcessMark } from './process-mark.ts';
import { createProcessTable, type ProcessTable } from './process-table.ts';
import { listStrayFds } from './stray-fds.ts';
import { createViewBuilder, type ViewBuilder } from './sandbox-view.ts';
import {
  closeQuietly,
  createScratchDirectory,
  type ScratchDirectory,
} from './scratch-directory.ts';

/** What all drivers of this machine need, found out once, so that a start looks nothing up. */
export interface SandboxHost {
  readonly tools: HostTools;
  readonly scratch: ScratchDirectory;
  /** null on machines without usable named pipes. */
  readonly fifos: FifoPool | null;
  /** null on machines without what they need; launchers are then spawned. */
  readonly shells: LauncherShells | null;
  /** null: limits on memory and processes are watched instead. */
  readonly cgroups: CgroupParent | null;
  readonly processes: ProcessTable;
  readonly ownThreads: () => Promise<number>;
  /** A mark for an execution that no cgroup holds together. */
  readonly nextMark: () => ProcessMark | undefined;
  readonly metadata: MetadataBlock;
  readonly strayFds: readonly number[];
  readonly nullFd: number;
  /** Made when first asked for: only drivers that mount need it. */
  views(): Promise<ViewBuilder>;
  close(): Promise<void>;
}

export interface SandboxHostOptions {
  /** For pipes and mount points; a short-lived directory is made in it. Default: /dev/shm, else the system's temporary directory. */
  stateDirectory?: string;
  /** false: behave as on a machine where no cgroup can be made. */
  useCgroups?: boolean;
}

export async function openSandboxHost(options: SandboxHostOptions = {}): Promise<SandboxHost> {
  const tools = findHostTools();
  const scratch = await createScratchDirectory(options.stateDirectory);
  const cgroups = options.useCgroups === false ? null : await findCgroupParent();
  const nullFd = openSync('/dev/null', 'r+');
  const strayFds = listStrayFds();
  const shells = createLauncherShells({ tools, scratch, strayFds, nullFd });
  let views: Promise<ViewBuilder> | undefined;
  return {
    tools,
    scratch,
    fifos: createFifoPool(scratch, tools.mkfifo, shells),
    shells,
    cgroups,
    processes: createProcessTable(tools.ps),
    ownThreads: createThreadCounter(),
    nextMark: cgroups === null ? createMarks() : () => undefined,
    metadata: createMetadataBlock(tools),
    strayFds,
    nullFd,
    views() {
      views ??= createViewBuilder(scratch).catch((error: unknown) => {
        // A disk that was full for a moment must not end every later start.
        views = undefined;
        throw error;
      });
      return views;
    },
    async close() {
      shells?.close();
      // A probe that was given up may still be laying out a view in what is removed below.
      await views?.catch(() => undefined);
      await cgroups?.close();
      closeQuietly(nullFd);
      await scratch.close();
    },
  };
}
