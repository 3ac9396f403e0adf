import { z } from 'zod';

import { idOf, parseBody, reply, route, type Call, type Route } from '../call.ts';
import { SYSTEM_IMAGES, type Image } from '../catalogue/system-images.ts';
import { ApiError, invalidInput, notFound } from '../errors.ts';
import { BY_CREATION, filterByQuery, filterByValues, listReply } from '../listing.ts';
import { startAction } from '../start-actions.ts';
import { nextId, type Server } from '../state.ts';
import { renderTime, renderTimeOrNull, toSecond } from '../times.ts';
import { actionRoutesOf, renderAction } from './actions.ts';
import { labelsSchema } from './resource.ts';

export function renderImage(image: Image) {
  return {
    id: image.id,
    type: image.type,
    status: image.status,
    name: image.name,
    description: image.description,
    image_size: image.imageSizeGb,
    disk_size: image.diskSizeGb,
    created: renderTime(image.createdAt),
    created_from: image.createdFrom,
    bound_to: null,
    os_flavor: image.osFlavor,
    os_version: image.osVersion,
    rapid_deploy: image.type === 'system',
    protection: { delete: image.isDeleteProtected },
    deprecated: renderTimeOrNull(image.deprecatedAt),
    deleted: null,
    labels: image.labels,
    architecture: image.architecture,
  };
}

const updateSchema = z.object({
  description: z.string().min(1).optional(),
  type: z.literal('snapshot').optional(),
  labels: labelsSchema,
});
const protectionSchema = z.object({ delete: z.boolean().optional() });
const createSchema = z.object({
  description: z.string().optional(),
  type: z.enum(['snapshot', 'backup']).default('snapshot'),
  labels: labelsSchema,
});

export const imageRoutes: readonly Route[] = [
  route('GET', '/images', (call) => {
    const { query } = call;
    const all = filterByQuery(call, allImages(call)).filter((image) => isShown(call, image));
    const ofType = filterByValues(all, query.getAll('type'), ({ type }) => type);
    const ofStatus = filterByValues(ofType, query.getAll('status'), ({ status }) => status);
    // Only backups are bound to a server, and there are none.
    const unbound = query.has('bound_to') ? [] : ofStatus;
    return listReply(call, {
      key: 'images',
      items: filterByValues(unbound, query.getAll('architecture'), (image) => image.architecture),
      render: renderImage,
      sortBy: BY_CREATION,
    });
  }),
  ...actionRoutesOf('images', 'image', getImage),
  route('GET', '/images/{id}', (call) => reply(200, { image: renderImage(getImage(call)) })),
  route('PUT', '/images/{id}', (call) => {
    const image = getSnapshot(call);
    const { description, labels } = parseBody(call, updateSchema);
    image.description = description ?? image.description;
    image.labels = labels ?? image.labels;
    return reply(200, { image: renderImage(image) });
  }),
  route('DELETE', '/images/{id}', (call) => {
    const image = getSnapshot(call);
    if (image.isDeleteProtected) throw new ApiError('protected', 'image is delete protected');
    call.project.snapshots.delete(image.id);
    return reply(204);
  }),
  route('POST', '/images/{id}/actions/change_protection', (call) => {
    const image = getSnapshot(call);
    const { delete: isDeleteProtected = image.isDeleteProtected } = parseBody(
      call,
      protectionSchema,
    );
    const action = startAction(call, {
      command: 'change_protection',
      resources: [{ id: image.id, type: 'image' }],
      durationMs: call.account.timings.changeMs,
      onSuccess: () => {
        image.isDeleteProtected = isDeleteProtected;
      },
    });
    return reply(201, { action: renderAction(call, action) });
  }),
];

function allImages(call: Call): Image[] {
  return [...SYSTEM_IMAGES, ...call.project.snapshots.values()];
}

function isShown({ query, now }: Call, image: Image): boolean {
  const isDeprecated = image.deprecatedAt !== null && image.deprecatedAt <= now;
  return !isDeprecated || query.get('include_deprecated') === 'true';
}

function getImage(call: Call): Image {
  const image = allImages(call).find(({ id }) => id === idOf(call));
  if (!image) throw notFound('image');
  return image;
}

function getSnapshot(call: Call): Image {
  const image = getImage(call);
  if (image.type === 'system') throw new ApiError('forbidden', 'system images cannot be changed');
  return image;
}

/** By id, or by a name that is there once per architecture. */
export function chooseImage(
  call: Call,
  wanted: string | number,
  architecture: 'x86' | 'arm',
): Image {
  const named = allImages(call).filter(
    ({ id, name }) => name === wanted || String(id) === String(wanted),
  );
  const image = named.find((candidate) => candidate.architecture === architecture) ?? named[0];
  if (!image) throw notFound('image');
  if (image.architecture !== architecture) {
    throw invalidInput('image', 'image and server type have different architectures');
  }
  if (image.status !== 'available') {
    throw new ApiError('resource_unavailable', 'image is not available');
  }
  return image;
}

/** `POST /servers/{id}/actions/create_image` */
export function createSnapshot(call: Call, server: Server) {
  const { account, project } = call;
  const { description = server.name, type, labels = {} } = parseBody(call, createSchema);
  if (type === 'backup') throw new ApiError('unsupported_error', 'backups are not enabled');
  const image: Image = {
    ...{ id: nextId(account), type: 'snapshot', status: 'creating', name: null, description },
    ...{ imageSizeGb: null, diskSizeGb: server.primaryDiskGb, createdAt: toSecond(call.now) },
    createdFrom: { id: server.id, name: server.name },
    ...{ osFlavor: server.image.osFlavor, osVersion: server.image.osVersion },
    ...{ architecture: server.type.architecture, deprecatedAt: null },
    ...{ isDeleteProtected: false, labels },
  };
  project.snapshots.set(image.id, image);
  const action = startAction(call, {
    command: 'create_image',
    resources: [
      { id: image.id, type: 'image' },
      { id: server.id, type: 'server' },
    ],
    durationMs: account.timings.snapshotMs,
    onSuccess: () => Object.assign(image, { status: 'available', imageSizeGb: 2.3 }),
    onFailure: () => project.snapshots.delete(image.id),
  });
  return reply(201, { image: renderImage(image), action: renderAction(call, action) });
}
