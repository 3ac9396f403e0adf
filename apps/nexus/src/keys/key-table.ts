import type { ApiKey } from '@nexus/orchestrator/accounts';
import { renderTable } from '@nexus/rgrid/table';

/** For a terminal: one line a key, never its secret. */
export function keyTable(keys: readonly ApiKey[]): string {
  return renderTable<ApiKey>(
    [
      { title: 'ACCOUNT', value: (key) => key.account },
      { title: 'NAME', value: (key) => key.name },
      { title: 'CREATED', value: (key) => key.createdAt.toISOString() },
      { title: 'LAST USED', value: (key) => key.lastUsedAt?.toISOString() ?? 'never' },
      {
        title: 'STATE',
        value: ({ revokedAt }) => (revokedAt ? `revoked ${revokedAt.toISOString()}` : 'live'),
      },
    ],
    keys,
  );
}
