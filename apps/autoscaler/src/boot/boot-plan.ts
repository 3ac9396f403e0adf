import type { Architecture } from '@nexus/grid';

import type { UserDataRequest } from '../apply/make-servers.ts';

/** How a server becomes a worker. */
export interface BootPlan {
  /** For which there is a worker to install, or an image that has one. */
  architectures: readonly Architecture[];
  /** What the server is given for its first start; the same for the same server, whenever it is asked. */
  renderUserData: (server: UserDataRequest) => string;
}
