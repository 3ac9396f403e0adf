import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLogger, type Logger } from '@nexus/kit/logger';

import { Random } from '../random.ts';
import { ControlPlane } from './control-plane.ts';
import { createVirtualDatabase, type VirtualDatabase } from './virtual-database.ts';
import { VirtualTime } from './virtual-time.ts';

/** What all seeds share: making it takes longer than a run. */
export interface Stage {
  time: VirtualTime;
  own: VirtualDatabase;
  controlPlane: ControlPlane;
  folder: string;
  logger: Logger;
  /** From here on ids and secrets are those of this seed. */
  reseed(seed: number): void;
  /** What was decided and done last in the run that has just ended, by minutes from its start. */
  readLog(run: { startsAtMs: number; virtualMs: number }): Promise<string[]>;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-scaling-chaos-'));
  const own = await createVirtualDatabase();
  const logPath = join(folder, 'log');
  const logger = createLogger({ name: 'chaos', level: 'info', destination: logPath });
  const time = new VirtualTime(Date.now(), (nowMs) => own.setNow(nowMs));
  const blobFolder = join(folder, 'storage');
  const controlPlane = new ControlPlane({ time, databaseUrl: own.url, blobFolder, logger });
  await controlPlane.makeKey(own.database);
  let random = new Random(1);
  const uninstall = time.install((size) =>
    Buffer.from(Array.from({ length: size }, () => random.between(0, 255))),
  );
  const restoreFetch = controlPlane.installFetch();
  return {
    ...{ time, own, controlPlane, folder, logger },
    reseed: (seed) => {
      random = new Random(seed);
    },
    readLog: async ({ startsAtMs, virtualMs }) => {
      await new Promise<void>((resolve, reject) =>
        logger.flush((error) => (error ? reject(error) : resolve())),
      );
      const lines = (await readFile(logPath, 'utf8')).trim().split('\n');
      return lines
        .slice(-LAST_LINES)
        .map((line) => JSON.parse(line) as LogLine)
        .filter(({ time: at }) => at >= startsAtMs && at <= startsAtMs + virtualMs)
        .map((line) => describeLine(line, startsAtMs));
    },
    close: async () => {
      restoreFetch();
      uninstall();
      await own.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const LAST_LINES = 400;

interface LogLine {
  time: number;
  [field: string]: unknown;
}

const ALWAYS_THERE = ['time', 'level', 'pid', 'hostname', 'name', 'msg', 'err'];

function describeLine({ time, ...line }: LogLine, startsAtMs: number): string {
  const minute = ((time - startsAtMs) / 60_000).toFixed(2);
  const fields = Object.entries(line).filter(([name]) => !ALWAYS_THERE.includes(name));
  const { err } = line as { err?: { message: string } };
  const texts = fields.map(([name, value]) => `${name}=${String(value)}`);
  return [minute, String(line['msg']), ...texts, ...(err ? [err.message] : [])].join(' | ');
}
