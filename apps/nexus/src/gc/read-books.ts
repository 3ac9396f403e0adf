import type { Database } from '@nexus/db';
import type { ServerState } from '@nexus/grid';

/** What the books say of a server. */
export interface BookedServer {
  id: string;
  name: string;
  cloudId: number | null;
  state: ServerState;
  /** Leases on it. */
  busy: number;
  deleteTries: number;
  /** Last; null: never. */
  deleteTriedAt: Date | null;
}

export interface Books {
  servers: readonly BookedServer[];
  /** When a daemon planned last; null: never. */
  plannedAt: Date | null;
}

export async function readBooks(database: Database): Promise<Books> {
  const servers = await database.query<BookedServer>(
    `select s.id, s.name, s.cloud_id as "cloudId", s.state, s.delete_tries as "deleteTries",
       s.delete_tried_at as "deleteTriedAt",
       (select count(*) from workers w join executions e on e.worker_id = w.id
        where w.server_id = s.id and e.state in ('leased', 'running', 'publishing')) as busy
     from servers s`,
  );
  const [plan] = await database.query<{ plannedAt: Date | null }>(
    'select planned_at as "plannedAt" from scaling',
  );
  return { servers, plannedAt: plan?.plannedAt ?? null };
}
