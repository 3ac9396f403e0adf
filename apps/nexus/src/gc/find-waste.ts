import type { Image, Labels, PrimaryIp, Server } from '@nexus/hetzner';

import type { BookedServer, Books } from './read-books.ts';
import type { Inventory, Prices } from './inventory.ts';

export type WasteKind =
  | 'server'
  | 'primary_ip'
  | 'snapshot'
  | 'ssh_key'
  | 'firewall'
  | 'placement_group';

export type WasteCode =
  | 'not_in_books'
  | 'gone_in_books'
  | 'delete_stuck'
  | 'powered_off'
  | 'no_daemon'
  | 'image_build'
  | 'unassigned'
  | 'old_image'
  | 'unused'
  /** Told only: without the books nobody knows whether it is needed. */
  | 'books_unread'
  /** Told only: it bills without use, and is not ours. */
  | 'not_ours';

/** Something that bills, or lies around, without use. */
export interface Waste {
  kind: WasteKind;
  /** In the cloud. */
  id: number;
  name: string;
  code: WasteCode;
  /** For people: a clause, without a full stop. */
  reason: string;
  /** Null: not in the price list. */
  microsPerMonth: number | null;
  /** False: told, and never touched. */
  isDeletable: boolean;
  /** Of a server in the books that are to hear of it first. */
  serverId: string | null;
}

export interface WasteRules {
  gridName: string;
  now: Date;
  prices: Prices;
  /** Null: the books could not be read. */
  books: Books | null;
  /** HETZNER_IMAGE if it is the id of a snapshot; null: not known here. */
  imageId: number | null;
  /** Of the key at HETZNER_SSH_KEY_PATH; null: not known here. */
  keyFingerprint: string | null;
}

const MINUTE_MS = 60_000;
/** Younger things may be in the books, or in use, in a moment; as long as the planner's own sweep waits. */
const GRACE_MS = 15 * MINUTE_MS;
/** An image is built in a few minutes. */
const IMAGE_BUILD_MS = 60 * MINUTE_MS;
/** Deletes take seconds, and are tried again every minute at least. */
const STUCK_TRIES = 5;
const STUCK_MS = 5 * MINUTE_MS;

/** All that bills or lies around without use, the dearest first. Other grids of the project are none of our business. */
export function findWaste(inventory: Inventory, rules: WasteRules): Waste[] {
  const found = [
    ...inventory.servers.flatMap((server) => judgeServer(server, rules) ?? []),
    ...inventory.primaryIps.flatMap((ip) => judgePrimaryIp(ip, rules) ?? []),
    ...inventory.snapshots.flatMap((image) => judgeSnapshot(image, rules) ?? []),
    ...findIdle(inventory, rules),
  ];
  return found.toSorted((a, b) => (b.microsPerMonth ?? 0) - (a.microsPerMonth ?? 0));
}

function judgeServer(server: Server, rules: WasteRules): Waste | undefined {
  const { books, now, gridName } = rules;
  const ageMs = now.getTime() - server.createdAt.getTime();
  const say = (code: WasteCode, reason: string, booked?: BookedServer): Waste => ({
    ...{ kind: 'server', id: server.id, name: server.name, code, reason },
    microsPerMonth: serverPrice(server, rules),
    isDeletable: code !== 'books_unread',
    serverId: booked?.id ?? null,
  });
  if (isImageBuild(server)) {
    if (ageMs < IMAGE_BUILD_MS) return undefined;
    return say('image_build', 'an image was to be made from it, and nobody is at it any more');
  }
  if (!isOfGrid(server.labels, gridName) || ageMs < GRACE_MS) return undefined;
  const isOff = server.status === 'off';
  if (books === null) {
    return isOff
      ? say('powered_off', 'powered off, which bills all the same')
      : say('books_unread', 'runs; without the books nobody knows for what');
  }
  const booked = books.servers.find(
    ({ name, cloudId }) => name === server.name || cloudId === server.id,
  );
  if (!booked) return say('not_in_books', 'the books do not know it');
  if (booked.state === 'gone') return say('gone_in_books', 'the books say that it is gone');
  if (booked.state === 'deleting') {
    const quietMs = now.getTime() - (booked.deleteTriedAt ?? now).getTime();
    if (booked.deleteTries < STUCK_TRIES && quietMs < STUCK_MS) return undefined;
    const tries = `${booked.deleteTries} ${booked.deleteTries === 1 ? 'try' : 'tries'}`;
    return say('delete_stuck', `was to be deleted, without success in ${tries}`, booked);
  }
  if (isOff) return say('powered_off', 'powered off, which bills all the same', booked);
  const silentMs = now.getTime() - (books.plannedAt?.getTime() ?? 0);
  if (booked.busy > 0 || silentMs < GRACE_MS) return undefined;
  return say('no_daemon', 'idle, and no daemon is there to give it back', booked);
}

function isImageBuild({ labels }: Server): boolean {
  return labels['rgrid-role'] === 'image-build';
}

function isOfGrid(labels: Labels, gridName: string): boolean {
  return labels['managed-by'] === 'rgrid' && labels['rgrid-grid'] === gridName;
}

function serverPrice({ serverType, location, ipv4 }: Server, { prices }: WasteRules) {
  const price = prices.server(serverType, location);
  const address = ipv4 === null ? 0 : prices.ipv4(location);
  return price === null || address === null ? null : price + address;
}

function judgePrimaryIp(ip: PrimaryIp, rules: WasteRules): Waste | undefined {
  const { gridName, now, prices } = rules;
  if (ip.serverId !== null || now.getTime() - ip.createdAt.getTime() < GRACE_MS) return undefined;
  // Of another grid.
  if (ip.labels['managed-by'] === 'rgrid' && !isOfGrid(ip.labels, gridName)) return undefined;
  const isOurs = isOfGrid(ip.labels, gridName);
  // IPv6 costs nothing: somebody else's is not worth a word.
  if (!isOurs && ip.type === 'ipv6') return undefined;
  return {
    ...{ kind: 'primary_ip', id: ip.id, name: `${ip.name} (${ip.ip})` },
    code: isOurs ? 'unassigned' : 'not_ours',
    reason: isOurs
      ? 'belongs to no server'
      : 'belongs to no server; without our label it is not touched',
    microsPerMonth: ip.type === 'ipv4' ? prices.ipv4(ip.location) : 0,
    isDeletable: isOurs,
    serverId: null,
  };
}

function judgeSnapshot(image: Image, rules: WasteRules): Waste | undefined {
  const { gridName, now, imageId, prices } = rules;
  const isYoung = now.getTime() - image.createdAt.getTime() < IMAGE_BUILD_MS;
  if (!isOfGrid(image.labels, gridName) || isYoung || image.status === 'creating') return undefined;
  if (imageId === null || image.id === imageId) return undefined;
  return {
    ...{ kind: 'snapshot', id: image.id, name: image.description, code: 'old_image' },
    reason: `HETZNER_IMAGE is ${imageId}`,
    microsPerMonth: prices.snapshot(image.sizeBytes ?? 0),
    ...{ isDeletable: true, serverId: null },
  };
}

/** What costs nothing and is in the way of nobody but the next reader of the console. */
function findIdle(inventory: Inventory, { gridName, keyFingerprint }: WasteRules): Waste[] {
  const idle = (kind: WasteKind, { id, name }: { id: number; name: string }, reason: string) => ({
    ...{ kind, id, name, code: 'unused' as const, reason },
    ...{ microsPerMonth: 0, isDeletable: true, serverId: null },
  });
  const isOurs = ({ labels }: { labels: Labels }) => isOfGrid(labels, gridName);
  const keys = inventory.sshKeys.filter(
    ({ fingerprint }) => keyFingerprint !== null && fingerprint !== keyFingerprint,
  );
  const firewalls = inventory.firewalls.filter(
    // The daemon keeps its own, servers or not.
    ({ name, appliedTo }) => name !== `rgrid-${gridName}` && appliedTo.length === 0,
  );
  const groups = inventory.placementGroups.filter(({ serverIds }) => serverIds.length === 0);
  return [
    ...keys.filter(isOurs).map((key) => idle('ssh_key', key, 'another key is in use')),
    ...firewalls.filter(isOurs).map((each) => idle('firewall', each, 'protects nothing')),
    ...groups.filter(isOurs).map((each) => idle('placement_group', each, 'has no server')),
  ];
}
