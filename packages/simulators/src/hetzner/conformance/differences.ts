/**
 * What has changed since the official document was written (its text is of May 2026). Everything else
 * in a reply has to be as it says.
 */

/** 1 July 2026: servers and primary IPs have no `datacenter` any more, only their `location`. */
export const REMOVED_PROPERTIES: readonly string[] = ['datacenter'];

/** 1 August 2026: a primary IP that belongs to nothing says so. */
export const ADDED_ENUM_VALUES: Readonly<Record<string, readonly string[]>> = {
  assignee_type: ['unassigned'],
};

/** 1 October 2026: 410 is all that is left of these. */
export const REMOVED_PATHS: readonly string[] = ['/datacenters', '/datacenters/{id}'];

/** 2026: the proxies in front of the API answer in its own format. */
export const ADDED_ERROR_CODES: readonly string[] = ['502 bad_gateway'];
