import { SLOTS, type Autoscaler } from './world.ts';

const SECOND = 1000;

/** `check_interval` of GitLab Runner: how often it asks for jobs, 3 s by default. */
const CHECK_MS = 3 * SECOND;
/** `idle_time` in the quick start of fleeting-plugin-hetzner, July 2026: just under the hour, from the last job. */
const IDLE_MS = 50 * 60 * SECOND;

/**
 * GitLab Runner with fleeting-plugin-hetzner: as many instances as jobs need at `capacity_per_instance`,
 * each kept until it has had nothing for `idle_time`.
 *
 * Taken in its favour: `idle_count` is 0 all day (the quick start keeps capacity for eight in working
 * hours), and an instance is used the moment it is up, without the poll of `update_interval_when_expecting`.
 */
export function fleeting(): Autoscaler {
  return {
    name: 'fleeting, 50 min idle',
    everyMs: CHECK_MS,
    isEventDriven: false,
    usesPerBoot: Infinity,
    decide({ queued, servers, nowMs }) {
      const running = servers.reduce((sum, server) => sum + server.running.size, 0);
      const needed = Math.ceil((queued.length + running) / SLOTS);
      const idle = servers.filter(
        (server) =>
          server.state === 'up' &&
          server.running.size === 0 &&
          nowMs - server.idleSinceMs >= IDLE_MS,
      );
      return {
        create: Math.max(0, needed - servers.length),
        remove: needed > servers.length ? [] : idle.map(({ id }) => id),
      };
    },
  };
}
