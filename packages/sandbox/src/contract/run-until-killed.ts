import { createDriver } from '../create-driver.ts';
import type { SandboxDriverName } from '../driver.ts';
import { openRoom } from './room.ts';

/** A worker that starts a script with a child of its own and is then killed by the test. */
// The test that starts this program passes one of the names.
const driver = await createDriver(process.argv[2] as SandboxDriverName);
const room = openRoom(driver);
const mark = process.argv[3] ?? '';
const running = await room.start(['/bin/sh', '-c', `sleep ${mark} & echo up; exec sleep ${mark}`]);
running.stderr.pipe(process.stderr);
running.stdout.pipe(process.stdout);
