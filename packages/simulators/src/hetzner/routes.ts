import type { Route } from './call.ts';
import { actionRoutes } from './resources/actions.ts';
import { firewallRoutes } from './resources/firewalls.ts';
import { imageRoutes } from './resources/images.ts';
import { locationRoutes } from './resources/locations.ts';
import { networkRoutes } from './resources/networks.ts';
import { placementGroupRoutes } from './resources/placement-groups.ts';
import { pricingRoutes } from './resources/pricing.ts';
import { primaryIpRoutes } from './resources/primary-ips.ts';
import { serverTypeRoutes } from './resources/server-types.ts';
import { serverRoutes } from './resources/servers.ts';
import { sshKeyRoutes } from './resources/ssh-keys.ts';

/** Everything that can be called. */
export const ROUTES: readonly Route[] = [
  ...actionRoutes,
  ...firewallRoutes,
  ...imageRoutes,
  ...locationRoutes,
  ...networkRoutes,
  ...placementGroupRoutes,
  ...pricingRoutes,
  ...primaryIpRoutes,
  ...serverRoutes,
  ...serverTypeRoutes,
  ...sshKeyRoutes,
];

interface Pattern {
  route: Route;
  pattern: RegExp;
}

const PATTERNS: readonly Pattern[] = ROUTES.map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replaceAll(/\{(\w+)\}/g, String.raw`(?<$1>\d{1,15})`)}$`),
}));

export type RouteMatch =
  | { kind: 'found'; route: Route; params: Record<string, number> }
  | { kind: 'other_method' }
  | { kind: 'unknown' };

export function findRoute(method: string, path: string): RouteMatch {
  const matches = PATTERNS.flatMap(({ route, pattern }) => {
    const match = pattern.exec(path);
    return match ? [{ route, groups: match.groups ?? {} }] : [];
  });
  const found = matches.find(({ route }) => route.method === method);
  if (!found) return { kind: matches.length > 0 ? 'other_method' : 'unknown' };
  const params = Object.fromEntries(
    Object.entries(found.groups).map(([name, digits]) => [name, Number(digits)]),
  );
  return { kind: 'found', route: found.route, params };
}
