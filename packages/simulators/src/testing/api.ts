import type { HetznerSimulator } from '../hetzner/index.ts';

export interface ApiReply {
  status: number;
  headers: Headers;
  /** Parsed, if it is JSON; a test looks into it. */
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

export type Api = (method: string, path: string, body?: unknown) => Promise<ApiReply>;

/** Calls the simulator in this process, with its first token unless another is given. */
export function createApi(simulator: HetznerSimulator, token = simulator.token): Api {
  return async (method, path, body) => {
    const response = await simulator.fetch(`${simulator.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parse(text) };
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What a test sends to create a server, apart from what it is about. */
export const SERVER = { name: 'w1', server_type: 'cx23', image: 'ubuntu-24.04', location: 'fsn1' };

/** Two public keys whose private halves are nowhere. */
export const PUBLIC_KEYS = [
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f first',
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA second',
] as const;
