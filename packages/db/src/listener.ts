import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

export interface Listener {
  close(): Promise<void>;
}

/**
 * Listens on one channel with a connection of its own. `onReady` is called after every (re)connect:
 * what was notified in between is lost, so whoever listens must look for itself then.
 */
export function listen(
  options: { url: string; channel: string },
  hooks: { onMessage(payload: string): void; onReady(): void },
): Listener {
  let isClosed = false;
  let client: Client | undefined;

  async function connectOnce(): Promise<void> {
    const current = new Client({ connectionString: options.url, application_name: 'nexus-listen' });
    client = current;
    const ended = new Promise<void>((resolve) => {
      current.on('error', () => resolve());
      current.on('end', () => resolve());
    });
    current.on('notification', (message) => hooks.onMessage(message.payload ?? ''));
    try {
      await current.connect();
      await current.query(`listen ${current.escapeIdentifier(options.channel)}`);
      if (!isClosed) {
        hooks.onReady();
        await ended;
      }
    } finally {
      await current.end().catch(() => undefined);
    }
  }

  const finished = (async () => {
    while (!isClosed) {
      await connectOnce().catch(() => undefined);
      if (!isClosed) await sleep(200);
    }
  })();

  return {
    close: async () => {
      isClosed = true;
      await client?.end().catch(() => undefined);
      await finished;
    },
  };
}
