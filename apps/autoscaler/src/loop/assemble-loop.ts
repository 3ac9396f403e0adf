import type { Database } from '@nexus/db';
import type { HetznerClient } from '@nexus/hetzner';
import type { Secret } from '@nexus/kit/config';
import type { Logger } from '@nexus/kit/logger';

import { ServerMaker } from '../apply/make-servers.ts';
import type { BootPlan } from '../boot/boot-plan.ts';
import { ScalingRecord } from '../books/scaling-record.ts';
import { ServerBooks } from '../books/server-books.ts';
import { Cloud, type ServerTemplate } from '../cloud/cloud.ts';
import { policyOf, type Config } from '../config.ts';
import { RecentDemand } from '../gather/recent-demand.ts';
import { ControlPlaneWatch } from './control-plane-watch.ts';
import { ScalingLoop } from './scaling-loop.ts';

/** With what a config that is enabled is sure to have. */
export type EnabledConfig = Config & {
  HETZNER_API_TOKEN: Secret;
  HETZNER_SSH_KEY_PATH: string;
  API_BASE: string;
};

export interface LoopParts {
  /** Of the daemon that is in charge. */
  database: Database;
  client: HetznerClient;
  template: ServerTemplate;
  boot: BootPlan;
  /** The cloud's time; by default this machine's, which agrees with it to a second or so. */
  now?: (() => Date) | undefined;
  logger: Logger;
  signal: AbortSignal;
}

export function assembleLoop(config: EnabledConfig, parts: LoopParts): ScalingLoop {
  const { database, client, template, boot, logger, signal, now = () => new Date() } = parts;
  const policy = { ...policyOf(config), architectures: boot.architectures };
  const books = new ServerBooks(database);
  const record = new ScalingRecord(database);
  const cloud = new Cloud(client, template);
  const maker = new ServerMaker({
    ...{ books, record, cloud, logger, signal, now },
    gridName: config.GRID_NAME,
    secret: config.HETZNER_API_TOKEN,
    caps: policy,
    bootDeadlineMs: policy.bootDeadlineMs,
    renderUserData: boot.renderUserData,
    onRefusal: () => loop.poke(),
  });
  const loop = new ScalingLoop({
    ...{ database, books, record, cloud, maker, policy, logger, signal },
    now,
    watch: new ControlPlaneWatch(config.API_BASE, now),
    recentDemand: new RecentDemand(),
    bootEstimateMs: config.BOOT_ESTIMATE * 1000,
  });
  return loop;
}
