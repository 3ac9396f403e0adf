import type { HetznerClient } from '@nexus/hetzner';
import { ensureFirewall, workerRules } from '@nexus/hetzner/firewall';
import { ensureSshKey } from '@nexus/hetzner/ssh-keys';
import type { Logger } from '@nexus/kit/logger';

import type { ServerTemplate } from './cloud.ts';

export interface CloudSettings {
  gridName: string;
  sshKeyPath: string;
  sshAllowedCidrs: readonly string[];
  image: string;
  networkId: number | undefined;
}

/** Until this is through nothing is deleted either: the few calls of a start are worth as much as deletes. */
const CALL = { priority: 'delete' } as const;
/** Rules that take longer to apply will be in force before a server has booted, or are looked at again. */
const RULES_MS = 60_000;

/** Sees to the SSH key and the firewall that every server gets in its create call. Harmless to repeat. */
export async function prepareCloud(
  client: HetznerClient,
  settings: CloudSettings,
  logger: Logger,
): Promise<ServerTemplate> {
  const name = `rgrid-${settings.gridName}`;
  const labels = { 'managed-by': 'rgrid', 'rgrid-grid': settings.gridName };
  const key = await ensureSshKey(client, { path: settings.sshKeyPath, name, labels }, CALL);
  // Operators look for these very words.
  const words = key.created ? 'Created SSH key' : 'Using existing SSH key';
  logger.info({ fingerprint: key.fingerprint }, `${words} (ID: ${key.id})`);
  const rules = workerRules(settings.sshAllowedCidrs);
  const firewall = await ensureFirewall(client, { name, rules, labels }, CALL);
  const deadline = new Date(Date.now() + RULES_MS);
  await client.actions.wait(firewall.actions, { ...CALL, deadline });
  return {
    labels,
    image: /^\d+$/.test(settings.image) ? Number(settings.image) : settings.image,
    sshKeyId: key.id,
    firewallId: firewall.id,
    networkId: settings.networkId,
  };
}
