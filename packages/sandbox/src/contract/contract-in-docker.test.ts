import { spawnSync } from 'node:child_process';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDriver } from '../create-driver.ts';
import { findDockerFault, sweepContainers } from '../docker-driver.ts';
import type { SandboxDriver } from '../driver.ts';
import { commandCases } from './command-cases.ts';
import { makeTestImage } from './docker-image.ts';
import { isolationCases } from './isolation-cases.ts';
import { limitCases } from './limit-cases.ts';
import { finish, openRoom } from './room.ts';

const IMAGE = `rgrid-sandbox-test:${process.pid}`;
const OWNER = `contract-${process.pid}`;
/** Named, so that the routing rule made for it can be taken away again. */
const BRIDGE = `rgtest${process.pid % 100_000}`;
const fault = await findDockerFault({ owner: OWNER });
const isRoot = process.getuid?.() === 0;
const docker = new Docker();

describe.skipIf(fault !== null)(
  `the docker driver${fault === null ? '' : ` (skipped: ${fault})`}`,
  () => {
    let driver: SandboxDriver;
    beforeAll(async () => {
      await makeTestImage(docker, IMAGE);
      await docker.createNetwork({
        Name: OWNER,
        Options: { 'com.docker.network.bridge.name': BRIDGE },
      });
      driver = await createDriver('docker', {
        docker: { owner: OWNER, defaultImage: IMAGE, network: OWNER },
      });
    });
    afterAll(async () => {
      await driver.close();
      await docker.getNetwork(OWNER).remove();
      for (const family of ['-4', '-6']) spawnSync('ip', [family, 'rule', 'del', 'iif', BRIDGE]);
      await docker.getImage(IMAGE).remove({ force: true });
    });

    for (const contractCase of [...commandCases, ...limitCases, ...isolationCases]) {
      // What a container does not promise is no test of it; the case says why it does not.
      if (contractCase.notInDocker !== undefined) continue;
      if (contractCase.needsRoot === true && !isRoot) continue;
      test(contractCase.name, async () => {
        const room = openRoom(driver);
        try {
          await contractCase.run(room);
        } finally {
          room.remove();
        }
      });
    }

    test('says that an image is not here', async () => {
      const room = openRoom(driver);
      const { exit } = await room.sh('true', { image: 'rgrid-no-such-image:1' });
      room.remove();
      expect(exit.outcome).toEqual({
        kind: 'not_started',
        reason: 'the image rgrid-no-such-image:1 is not on this machine and may not be pulled',
      });
    });

    test('leaves no container behind, and a sweep removes those of a killed worker', async () => {
      const filters = { label: [`dev.rgrid.owner=${OWNER}`] };
      expect(await docker.listContainers({ all: true, filters })).toEqual([]);
      const room = openRoom(driver);
      const running = await room.start(['sleep', '1000']);
      const ended = finish(running);
      expect(await sweepContainers(OWNER)).toBe(1);
      await ended;
      room.remove();
      expect(await docker.listContainers({ all: true, filters })).toEqual([]);
    });
  },
);
