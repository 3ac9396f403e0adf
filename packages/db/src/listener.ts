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
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();

  async function connectOnce(): Promise<void> {
    const client = new Client({
      connectionString: options.url,
      application_name: 'nexus-listen',
      connectionTimeoutMillis: 10_000,
    });
    const ended = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
    });
    client.on('notification', (message) => hooks.onMessage(message.payload ?? ''));
    try {
      await client.connect();
      await client.query(`listen ${client.escapeIdentifier(options.channel)}`);
      if (!isClosed) hooks.onReady();
      await Promise.race([ended, closed]);
    } finally {
      // Only here: to end a client that is still connecting would never return.
      await client.end().catch(() => undefined);
    }
  }

  const finished = (async () => {
    while (!isClosed) {
      await connectOnce().catch(() => undefined);
      if (!isClosed) await Promise.race([sleep(200, undefined, { ref: false }), closed]);
    }
  })();

  return {
    close: async () => {
      isClosed = true;
      close();
      await finished;
    },
  };
}
