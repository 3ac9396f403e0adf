import { idOf, reply, route, type Route } from '../call.ts';
import { LOCATIONS, type Location } from '../catalogue/locations.ts';
import { ApiError, notFound } from '../errors.ts';
import { BY_NAME, listReply } from '../listing.ts';

export function renderLocation({ networkZone, ...location }: Location) {
  return { ...location, network_zone: networkZone };
}

/** By id or name, as bodies may name it; the wish of a client that has none is undefined. */
export function getLocation(wanted: string | number): Location {
  const location = LOCATIONS.find(
    ({ id, name }) => name === wanted || String(id) === String(wanted),
  );
  if (!location) throw notFound('location');
  return location;
}

export const locationRoutes: readonly Route[] = [
  route('GET', '/locations', (call) => {
    const name = call.query.get('name');
    return listReply(call, {
      key: 'locations',
      items: LOCATIONS.filter((location) => name === null || location.name === name),
      render: renderLocation,
      sortBy: BY_NAME,
    });
  }),
  route('GET', '/locations/{id}', (call) =>
    reply(200, { location: renderLocation(getLocation(idOf(call))) }),
  ),
  route('GET', '/datacenters', removed),
  route('GET', '/datacenters/{id}', removed),
];

// Since 1 October 2026.
function removed(): never {
  throw new ApiError('deprecated_api_endpoint', 'API functionality was removed', {
    details: {
      announcement: 'https://docs.hetzner.cloud/changelog#2026-06-02-datacenters-deprecated',
    },
  });
}
