import { takeFault, type Call } from '../call.ts';
import { LOCATIONS, type Location } from '../catalogue/locations.ts';
import type { ServerType } from '../catalogue/server-types.ts';
import { ApiError } from '../errors.ts';
import { getLocation } from './locations.ts';

/** The place that was asked for, or the first with room for the type. Throws if there is none. */
export function choosePlace(
  call: Call,
  type: ServerType,
  wanted: string | number | undefined,
): Location {
  const locations = wanted === undefined ? LOCATIONS : [getLocation(wanted)];
  const [first, ...others] = locations.filter(({ name }) => type.prices.has(name));
  if (!first) throw new ApiError('invalid_input', 'unsupported location for server type');
  const refusal = findRefusal(call, type, first);
  if (!refusal) return first;
  const location = others.find((other) => !findRefusal(call, type, other));
  if (!location) throw refusal;
  return location;
}

function findRefusal(call: Call, type: ServerType, location: Location): ApiError | undefined {
  const isDisabled = takeFault(
    call,
    'location_disabled',
    (fault) => fault.location === location.name,
  );
  if (isDisabled) return unavailable('server location disabled');
  const soldOut = takeFault(
    call,
    'sold_out',
    (fault) =>
      (fault.serverType === undefined || fault.serverType === type.name) &&
      (fault.location === undefined || fault.location === location.name),
  );
  const hasStock = call.account.stock.left(type.name, location.name) > 0;
  return soldOut || !hasStock
    ? unavailable(soldOut?.message ?? 'error during placement')
    : undefined;
}

function unavailable(message: string): ApiError {
  return new ApiError('resource_unavailable', message);
}
