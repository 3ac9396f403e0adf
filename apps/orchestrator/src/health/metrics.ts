import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

import type { Database } from '@nexus/db';

import type { Api } from '../api.ts';

export interface Metrics {
  contentType: string;
  render(): Promise<string>;
}

/** Prometheus metrics. Numbers about the queue are read from the database when asked, so replicas agree. */
export function createMetrics(server: Api, database: Database): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'nexus_' });
  const durations = new Histogram({
    name: 'nexus_http_request_seconds',
    help: 'Time to answer, by route and status; long polls and streams left out',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    if (/\/(exchange|logs|events)$/.test(route)) return;
    durations.observe(
      { method: request.method, route, status: reply.statusCode },
      reply.elapsedTime / 1000,
    );
  });
  const executions = new Gauge({
    name: 'grid_executions',
    help: 'Executions of unfinished batches by state',
    labelNames: ['state'],
    registers: [registry],
    collect: async () => {
      const rows = await database.query<{ state: string; count: number }>(
        `select s.state, s.count from (
           select coalesce(sum(queued), 0) as queued, coalesce(sum(leased), 0) as leased,
             coalesce(sum(running), 0) as running, coalesce(sum(publishing), 0) as publishing
           from batches where queued > 0 or active > 0
         ) t cross join lateral (values ('queued', queued), ('leased', leased), ('running', running),
           ('publishing', publishing)) as s (state, count)`,
      );
      for (const { state, count } of rows) executions.set({ state }, count);
    },
  });
  const workers = new Gauge({
    name: 'grid_workers',
    help: 'Workers that are here, by state',
    labelNames: ['state'],
    registers: [registry],
    collect: async () => {
      workers.reset();
      const rows = await database.query<{ state: string; count: number }>(
        "select state, count(*) as count from workers where state <> 'gone' group by state",
      );
      for (const { state, count } of rows) workers.set({ state }, count);
    },
  });
  return { contentType: registry.contentType, render: () => registry.metrics() };
}
