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

/** Sees to the SSH key and the firewall that every server gets in its create call. Harmless to repeat. */
export async function prepareCloud(
  client: HetznerClient,
  settings: CloudSettings,
  logger: Logger,
): Promise<ServerTemplate> {
  const name = `rgrid-${settings.gridName}`;
  const labels = { 'managed-by': 'rgrid', 'rgrid-grid': settings.gridName };
  const key = await ensureSshKey(client, { path: settings.sshKeyPath, name, labels });
  // Operators look for these very words.
  const words = key.created ? 'Created SSH key' : 'Using existing SSH key';
  logger.info({ fingerprint: key.fingerprint }, `${words} (ID: ${key.id})`);
  const rules = workerRules(settings.sshAllowedCidrs);
  const firewall = await ensureFirewall(client, { name, rules, labels });
  await client.actions.wait(firewall.actions);
  return {
    labels,
    image: /^\d+$/.test(settings.image) ? Number(settings.image) : settings.image,
    sshKeyId: key.id,
    firewallId: firewall.id,
    networkId: settings.networkId,
  };
}
