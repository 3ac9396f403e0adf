import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

// Node looks for some of its own options behind the program, too.
test.each([
  ['nexus', ['daemon', '--env-file', '/nowhere'], 1, 'nexus: there is no file /nowhere\n'],
  ['rgrid', ['run', 'none.py', '--env-file', '/nowhere'], 2, 'rgrid: there is no script none.py\n'],
])('%s gets all of its arguments itself: %j', (program, args, status, stderr) => {
  const path = join(import.meta.dirname, '..', 'bin', program);
  const ended = spawnSync(path, args, { encoding: 'utf8' });
  expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status, stderr });
});
