import { onTestFinished } from 'vitest';

import { Secret } from '@nexus/kit/config';
import { startScriptedServer, type ScriptedExchange, type ScriptedServer } from '@nexus/testkit';

import { createHetznerClient, type HetznerClient, type HetznerClientOptions } from '../client.ts';

export const TOKEN = 'token'.repeat(12) + 'rest';
export const START = new Date('2026-11-20T10:00:00Z');

export interface TestProject {
  client: HetznerClient;
  server: ScriptedServer;
  /** What was waited for; nothing really waits. */
  delaysMs: number[];
  now: () => Date;
}

/** A client and the script of what it is to send. Time passes only while it sleeps. */
export async function startTestProject(
  script: readonly ScriptedExchange[],
  options: Partial<HetznerClientOptions> = {},
): Promise<TestProject> {
  const server = await startScriptedServer(script);
  const delaysMs: number[] = [];
  let nowMs = START.getTime();
  const now = () => new Date(nowMs);
  const client = createHetznerClient({
    endpoint: server.url,
    token: new Secret(TOKEN),
    now,
    random: () => 0,
    sleep: async (delayMs, signal) => {
      signal?.throwIfAborted();
      delaysMs.push(delayMs);
      nowMs += delayMs;
    },
    ...options,
  });
  onTestFinished(async () => {
    await server.close();
    server.verify();
  });
  return { client, server, delaysMs, now };
}

type Fields = Record<string, unknown>;

export function page(key: string, items: readonly unknown[], pagination: Fields = {}): Fields {
  const whole = { page: 1, next_page: null, total_entries: items.length };
  return { [key]: items, meta: { pagination: { ...whole, ...pagination } } };
}

export function actionJson(id: number, fields: Fields = {}): Fields {
  return {
    ...{ id, command: 'create_server', status: 'running', progress: 0, finished: null },
    ...{ started: '2026-11-20T10:00:00+00:00', resources: [{ id: 7, type: 'server' }] },
    error: null,
    ...fields,
  };
}

export function errorJson(code: string, message = 'no', details?: unknown): Fields {
  return { error: { code, message, details } };
}

export function serverJson(id: number, fields: Fields = {}): Fields {
  return {
    ...{ id, name: `worker-${id}`, status: 'initializing', created: '2026-11-20T10:00:00+00:00' },
    server_type: { id: 114, name: 'cx23', architecture: 'x86', cores: 2 },
    location: { id: 2, name: 'nbg1', network_zone: 'eu-central' },
    labels: { pool: 'grid' },
    locked: false,
    protection: { delete: false, rebuild: false },
    public_net: {
      ipv4: { id: 1, ip: '192.0.2.7', blocked: false, dns_ptr: 'x' },
      ipv6: { id: 2, ip: '2001:db8::/64', blocked: false, dns_ptr: [] },
      floating_ips: [],
      firewalls: [{ id: 38, status: 'applied' }],
    },
    private_net: [{ network: 4711, ip: '10.0.0.2', alias_ips: [], mac_address: '86:00' }],
    image: { id: 67_794_396, type: 'system', name: 'debian-13' },
    placement_group: null,
    a_field_of_tomorrow: { is: 'ignored' },
    ...fields,
  };
}
