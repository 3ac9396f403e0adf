import { MOST_SERVERS, SLOTS, type Autoscaler } from './world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** One look a minute. */
const TICK_MS = 60 * SECOND;
/** Idle with no more than this left of its hour, a server is deleted. */
const WINDOW_MS = 5 * MINUTE;
/** The oldest a server gets, once it is idle. */
const MOST_AGE_MS = 24 * HOUR;

/**
 * The earlier RGrid, by its rules: with more waiting than there are free slots, a server for every two
 * too many, up to ten; hours are counted from creation.
 *
 * Taken in its favour: it deletes, where the program left servers behind, waits for those that boot, and
 * its workers take work at once instead of asking every five seconds.
 */
export function earlierRgrid(): Autoscaler {
  return {
    name: 'earlier RGrid',
    everyMs: TICK_MS,
    isEventDriven: false,
    usesPerBoot: Infinity,
    decide({ queued, servers, nowMs }) {
      const free = servers.reduce((sum, server) => sum + SLOTS - server.running.size, 0);
      const missing = queued.length - free;
      const idle = servers.filter((server) => {
        const ageMs = nowMs - server.createdAtMs;
        const isEnding = HOUR - (ageMs % HOUR) <= WINDOW_MS || ageMs >= MOST_AGE_MS;
        return server.state === 'up' && server.running.size === 0 && isEnding;
      });
      const remove = queued.length > 0 ? [] : idle.map(({ id }) => id);
      const create = Math.min(Math.max(0, Math.ceil(missing / 2)), MOST_SERVERS - servers.length);
      return { create, remove };
    },
  };
}
