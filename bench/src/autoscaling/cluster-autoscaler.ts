import { SLOTS, type Autoscaler } from './world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** `--scan-interval`: FAQ.md of the Kubernetes cluster-autoscaler, as are all of these. */
const SCAN_MS = 10 * SECOND;
/** `--scale-down-unneeded-time` */
const UNNEEDED_MS = 10 * MINUTE;
/** `--scale-down-delay-after-add` */
const DELAY_AFTER_ADD_MS = 10 * MINUTE;

/**
 * The Kubernetes cluster-autoscaler on Hetzner: nodes for all pending pods that upcoming nodes will not
 * take; a node goes when it has been empty for ten minutes and none was added for ten. The provider
 * knows no hours.
 *
 * Taken in its favour: pods are never moved off a node that is half used, and a node is ready the moment
 * it has booted.
 */
export function clusterAutoscaler(): Autoscaler {
  let addedAtMs = -Infinity;
  return {
    name: 'cluster-autoscaler',
    everyMs: SCAN_MS,
    isEventDriven: false,
    usesPerBoot: Infinity,
    decide({ queued, servers, nowMs }) {
      const upcoming = servers.filter(({ state }) => state === 'booting').length * SLOTS;
      const create = Math.max(0, Math.ceil((queued.length - upcoming) / SLOTS));
      if (create > 0) addedAtMs = nowMs;
      const unneeded = servers.filter(
        (server) =>
          server.state === 'up' &&
          server.running.size === 0 &&
          nowMs - server.idleSinceMs >= UNNEEDED_MS,
      );
      const mayRemove = nowMs - addedAtMs >= DELAY_AFTER_ADD_MS;
      return { create, remove: mayRemove ? unneeded.map(({ id }) => id) : [] };
    },
  };
}
