import type { CloudServer, ServerOffer } from '@nexus/grid';
import {
  hasLabels,
  type CreateServerResult,
  type DeleteServerResult,
  type HetznerClient,
  type Labels,
} from '@nexus/hetzner';
import { listOffers } from '@nexus/hetzner/prices';

/** What every server of ours has in common, found or made once when the daemon starts. */
export interface ServerTemplate {
  labels: Labels;
  image: number | string;
  sshKeyId: number;
  firewallId: number;
  networkId: number | undefined;
}

export interface ServerOrder {
  name: string;
  serverType: string;
  location: string;
  userData: string;
}

const PRICES_KEPT_MS = 10 * 60_000;

/** The cloud as the daemon uses it: servers under our labels, all alike. */
export class Cloud {
  readonly #client: HetznerClient;
  readonly #template: ServerTemplate;
  #offers: { readAtMs: number; list: ServerOffer[] } | undefined;

  constructor(client: HetznerClient, template: ServerTemplate) {
    this.#client = client;
    this.#template = template;
  }

  /** Types, prices and stock, read every ten minutes. An older list is better than none. */
  async offers(now: Date): Promise<ServerOffer[]> {
    const known = this.#offers;
    if (known && now.getTime() - known.readAtMs < PRICES_KEPT_MS) return known.list;
    try {
      const types = await this.#client.serverTypes.list();
      const found = listOffers(types, await this.#client.pricing.get());
      const list = found.map(({ deprecation, ...offer }) => ({
        ...offer,
        isDeprecated: deprecation !== null,
      }));
      this.#offers = { readAtMs: now.getTime(), list };
      return list;
    } catch (error) {
      if (known) return known.list;
      throw error;
    }
  }

  async list(): Promise<CloudServer[]> {
    const servers = await this.#client.servers.list({ labels: this.#template.labels });
    return servers.map(({ id, name, createdAt, status, labels }) => ({
      cloudId: String(id),
      createdAtMs: createdAt.getTime(),
      ...{ name, status, labels },
    }));
  }

  create(order: ServerOrder, signal: AbortSignal): Promise<CreateServerResult> {
    const { labels, image, sshKeyId, firewallId, networkId } = this.#template;
    const request = {
      ...{ ...order, labels, image },
      sshKeys: [sshKeyId],
      firewalls: [firewallId],
      networks: networkId === undefined ? [] : [networkId],
    };
    return this.#client.servers.create(request, { signal });
  }

  /** Waits for all that a create has set going; says what went wrong, or null. */
  async findFailure(
    created: Extract<CreateServerResult, { kind: 'created' | 'adopted' }>,
    options: { signal: AbortSignal; deadline: Date },
  ): Promise<string | null> {
    const result = await this.#client.actions.wait(created.actions, options);
    switch (result.kind) {
      case 'succeeded':
        return null;
      case 'failed':
        return `its action ${result.action.command} failed`;
      case 'vanished':
        return 'the cloud forgot the actions that were to make it';
      case 'expired':
        return 'the actions that were to make it did not end in time';
    }
  }

  /** `deleting`: under way, to be asked for again until it is gone. */
  delete(cloudId: number): Promise<DeleteServerResult> {
    return this.#client.servers.delete(cloudId);
  }

  /** When what an action did was done; null: it was not, or the cloud does not say. */
  async endOf(actionId: number): Promise<Date | null> {
    const [action] = await this.#client.actions.list([actionId], { priority: 'delete' });
    return action?.status === 'success' ? action.finishedAt : null;
  }

  /** Only one of ours: a name alone is no proof. */
  async find(name: string): Promise<{ id: number; createdAt: Date } | undefined> {
    const found = await this.#client.servers.findByName(name, { priority: 'delete' });
    return found && hasLabels(found.labels, this.#template.labels) ? found : undefined;
  }
}
