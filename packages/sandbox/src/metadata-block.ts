import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { HostTools } from './host-tools.ts';
import { isRoot, SANDBOX_UID } from './sandbox-owner.ts';

/** Clouds hand machine credentials to whoever asks these addresses. */
const METADATA_ADDRESSES = ['169.254.169.254', 'fd00:ec2::254'] as const;

/**
 * A policy routing rule that answers EACCES to the scripts' uid, or to what comes in over a
 * bridge. It needs `ip` and root. A worker that is not root cannot block anything: its scripts
 * are, to the network, the worker's own user, so there the metadata service stays reachable
 * when a script asked for the network.
 */
export interface MetadataBlock {
  readonly canBlock: boolean;
  /** Made once per machine and kept, as other workers may rely on it; false: it could not be made. */
  block(from: 'scripts' | { bridge: string }): Promise<boolean>;
}

const RULE_PRIORITY = 100;

function selectorOf(from: 'scripts' | { bridge: string }): string[] {
  return from === 'scripts' ? ['uidrange', `${SANDBOX_UID}-${SANDBOX_UID}`] : ['iif', from.bridge];
}

async function ensureRule(ip: string, address: string, selector: string[]): Promise<void> {
  const family = address.includes(':') ? '-6' : '-4';
  const run = promisify(execFile);
  const rule = ['to', address, ...selector, 'prohibit', 'pref', String(RULE_PRIORITY)];
  const { stdout } = await run(ip, [family, 'rule', 'show', 'pref', String(RULE_PRIORITY)]);
  const exists = stdout
    .split('\n')
    .some((line) => line.includes(address) && line.includes(selector.join(' ')));
  if (!exists) await run(ip, [family, 'rule', 'add', ...rule]);
}

export function createMetadataBlock(tools: HostTools): MetadataBlock {
  const { ip } = tools;
  const canBlock = isRoot() && ip !== undefined;
  const made = new Map<string, Promise<boolean>>();
  const make = async (selector: string[]): Promise<boolean> => {
    if (!canBlock) return false;
    const [v4, v6] = METADATA_ADDRESSES;
    const isBlocked = await ensureRule(ip, v4, selector).then(
      () => true,
      () => false,
    );
    // Machines without IPv6 refuse the rule and need none.
    await ensureRule(ip, v6, selector).catch(() => undefined);
    return isBlocked;
  };
  return {
    canBlock,
    block(from) {
      const selector = selectorOf(from);
      const key = selector.join(' ');
      const result = made.get(key) ?? make(selector);
      made.set(key, result);
      return result;
    },
  };
}
