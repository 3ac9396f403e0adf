import { idOf, reply, route, type Call, type Route } from '../call.ts';
import { LOCATIONS } from '../catalogue/locations.ts';
import {
  isRetired,
  SERVER_TYPES,
  type Deprecation,
  type ServerType,
} from '../catalogue/server-types.ts';
import { notFound } from '../errors.ts';
import { BY_NAME, listReply } from '../listing.ts';
import { renderTime } from '../times.ts';
import { renderTypePrice } from './prices.ts';

export function renderServerType(call: Pick<Call, 'account' | 'now'>, type: ServerType) {
  const deprecation = renderDeprecation(type.deprecation, call.now);
  return {
    id: type.id,
    name: type.name,
    description: type.name.toUpperCase(),
    cores: type.cores,
    memory: type.memoryGb,
    disk: type.diskGb,
    deprecated: deprecation !== null,
    deprecation,
    prices: [...type.prices].map(([location, price]) => renderTypePrice(location, price)),
    storage_type: 'local',
    cpu_type: type.cpuType,
    category: type.category,
    architecture: type.architecture,
    locations: LOCATIONS.filter(({ name }) => type.prices.has(name)).map(({ id, name }) => {
      const available =
        call.account.stock.left(type.name, name) > 0 && !isRetired(type.deprecation, call.now);
      return { id, name, deprecation, available, recommended: available && deprecation === null };
    }),
  };
}

function renderDeprecation(deprecation: Deprecation | null, now: number) {
  if (deprecation === null || now < deprecation.announcedAt) return null;
  return {
    announced: renderTime(deprecation.announcedAt),
    unavailable_after: renderTime(deprecation.unavailableAfter),
  };
}

/** By id or name, as bodies may name it. */
export function getServerType(wanted: string | number, now: number): ServerType {
  const type = SERVER_TYPES.find(
    ({ id, name }) => name === wanted || String(id) === String(wanted),
  );
  if (!type || (isRetired(type.deprecation, now) && type.name === wanted)) {
    throw notFound('server type');
  }
  return type;
}

export const serverTypeRoutes: readonly Route[] = [
  route('GET', '/server_types', (call) => {
    const name = call.query.get('name');
    return listReply(call, {
      key: 'server_types',
      items: SERVER_TYPES.filter(
        (type) => !isRetired(type.deprecation, call.now) && (name === null || type.name === name),
      ),
      render: (type) => renderServerType(call, type),
      sortBy: BY_NAME,
    });
  }),
  route('GET', '/server_types/{id}', (call) =>
    reply(200, { server_type: renderServerType(call, getServerType(idOf(call), call.now)) }),
  ),
];
