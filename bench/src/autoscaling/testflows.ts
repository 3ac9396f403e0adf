import { MOST_SERVERS, SLOTS, type Autoscaler, type SimulatedServer, type View } from './world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** `scale_up_interval`, `scale_down_interval`: config/config.py of TestFlows-GitHub-Hetzner-Runners, July 2026. */
const INTERVAL_MS = 60 * SECOND;
/** `max_powered_off_time`: seen off for longer, a server becomes one to be recycled. */
const POWERED_OFF_MS = 60 * SECOND;
/** `max_unused_runner_time`: a runner that gets nothing for longer goes. */
const UNUSED_MS = 180 * SECOND;
/** `end_of_life`: minute of the hour from which a server to be recycled is deleted … */
const END_OF_LIFE_MINUTE = 50;
/** … if it has been one for `recycle_grace_period`. */
const GRACE_MS = 1200 * SECOND;

/**
 * TestFlows GitHub-Hetzner-Runners: every minute a server for each queued job, up to `max_runners` (10).
 * Runners are ephemeral: `run.sh; poweroff` in scripts/startup-x64.sh. What is off is kept to be rebuilt
 * for a later job, and deleted near the end of its hour (scale_down.py, `recycle_server`).
 *
 * Taken in its favour: a server has a runner for each slot here, and a rebuild takes no longer than a boot.
 */
export function testflows(): Autoscaler {
  const offSinceMs = new Map<string, number>();
  const recycledAtMs = new Map<string, number>();
  return {
    name: 'TestFlows runners',
    everyMs: INTERVAL_MS,
    isEventDriven: false,
    usesPerBoot: SLOTS,
    decide(view) {
      for (const server of view.servers) watch(server, view.nowMs);
      const remove = view.servers
        .filter((server) => isAtEnd(server, view.nowMs))
        .map(({ id }) => id);
      const recyclable = view.servers
        .filter(({ id, state }) => state === 'off' && recycledAtMs.has(id) && !remove.includes(id))
        .map(({ id }) => id);
      const wanted = missingServers(view);
      const restart = recyclable.slice(0, wanted);
      for (const id of restart) forget(id);
      const room = MOST_SERVERS - view.servers.length + remove.length;
      return { remove, restart, create: Math.min(wanted - restart.length, room) };
    },
  };

  function forget(id: string): void {
    offSinceMs.delete(id);
    recycledAtMs.delete(id);
  }

  function watch(server: SimulatedServer, nowMs: number): void {
    const { id } = server;
    const isUnused =
      server.state === 'up' && server.running.size === 0 && nowMs - server.idleSinceMs > UNUSED_MS;
    if (isUnused) {
      server.state = 'off';
      recycledAtMs.set(id, nowMs);
    }
    if (server.state !== 'off' || recycledAtMs.has(id)) return;
    const since = offSinceMs.get(id) ?? nowMs;
    offSinceMs.set(id, since);
    if (nowMs - since > POWERED_OFF_MS) recycledAtMs.set(id, nowMs);
  }

  function isAtEnd({ id, createdAtMs }: SimulatedServer, nowMs: number): boolean {
    const recycled = recycledAtMs.get(id);
    const minute = Math.floor((nowMs - createdAtMs) / MINUTE) % 60;
    return recycled !== undefined && minute >= END_OF_LIFE_MINUTE && nowMs - recycled >= GRACE_MS;
  }
}

/** For what waits and has no server on its way yet. */
function missingServers({ queued, servers }: View): number {
  const coming = servers.filter(({ state }) => state === 'booting').length * SLOTS;
  return Math.max(0, Math.ceil((queued.length - coming) / SLOTS));
}
