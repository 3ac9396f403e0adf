import type { Pricing } from '../resources/pricing.ts';
import type { Deprecation, ServerType } from '../resources/server-types.ts';

/** One server type in one location, as it can be ordered or could be if it were not sold out. */
export interface Offer {
  serverType: string;
  architecture: 'x86' | 'arm';
  cpus: number;
  memoryBytes: number;
  diskBytes: number;
  location: string;
  /** Net, without address. Every started hour is billed whole. */
  priceMicrosPerHour: number;
  ipv4MicrosPerHour: number;
  /** A hint, as of when it was asked. */
  isAvailable: boolean;
  deprecation: Deprecation | null;
}

/** What has no known price is no offer: it could not be kept within a budget. */
export function listOffers(serverTypes: readonly ServerType[], pricing: Pricing): Offer[] {
  return serverTypes.flatMap((type) =>
    type.locations.flatMap(({ name: location, isAvailable, deprecation }) => {
      const priceMicrosPerHour = priceIn(type.prices, location);
      const ipv4MicrosPerHour = priceIn(pricing.ipv4, location);
      if (priceMicrosPerHour === undefined || ipv4MicrosPerHour === undefined) return [];
      const { name: serverType, architecture, cpus, memoryBytes, diskBytes } = type;
      return {
        ...{ serverType, architecture, cpus, memoryBytes, diskBytes, location },
        ...{ priceMicrosPerHour, ipv4MicrosPerHour, isAvailable, deprecation },
      };
    }),
  );
}

function priceIn(prices: Pricing['ipv4'], location: string): number | undefined {
  return prices.find((price) => price.location === location)?.priceMicrosPerHour;
}
