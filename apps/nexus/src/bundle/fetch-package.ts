import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { extract } from 'tar';

import { Problem } from '../problem.ts';

const run = promisify(execFile);

/** Unpacks a package into a folder. npm knows the registry and checks what comes from there. */
export async function fetchPackage(spec: string, folder: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'nexus-package-'));
  try {
    const args = ['pack', spec, '--prefer-offline', '--silent', '--pack-destination', scratch];
    // Elsewhere than in this repository, whose settings are for its own packages.
    await run('npm', args, { cwd: scratch }).catch((error: unknown) => {
      throw new Problem(`npm could not fetch ${spec}; is the package registry in reach?`, {
        cause: error,
      });
    });
    const [archive] = (await readdir(scratch)).filter((name) => name.endsWith('.tgz'));
    if (archive === undefined) throw new Problem(`npm fetched no archive of ${spec}`);
    await extract({ file: join(scratch, archive), cwd: folder, strip: 1 });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
