import type { Room } from './room.ts';

/** One promise of the port. Cases are plain functions so that another user's process can run them. */
export interface ContractCase {
  name: string;
  /** Promises a driver without isolation does not make. */
  needsIsolation?: boolean;
  /** Promises that need root, such as blocking the metadata service. */
  needsRoot?: boolean;
  /** Why containers behave differently here. */
  notInDocker?: string;
  run(room: Room): Promise<void>;
}

const POLL_MS = 20;
const POLL_DEADLINE_MS = 10_000;

/** Waits for something no event tells about, such as a process of somebody else ending. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + POLL_DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline)
      throw new Error(`still not so after ${POLL_DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
