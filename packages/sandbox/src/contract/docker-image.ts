import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import type Docker from 'dockerode';

const PROGRAMS =
  'sh cat ls head yes sleep env touch stat id uname mkdir grep chmod true pwd printf setsid unshare node-libraries';

function findProgram(name: string): string[] {
  return [`/usr/bin/${name}`, `/bin/${name}`].filter((path) => existsSync(path));
}

function listLibraries(program: string): string[] {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' });
  return text.match(/\/\S+/g)?.filter((path) => existsSync(path)) ?? [];
}

/**
 * An image made of this machine's own programs, as tests may not pull one. Node comes in by a
 * mount, like any runtime, so only its libraries are needed.
 */
export async function makeTestImage(docker: Docker, name: string): Promise<void> {
  const programs = PROGRAMS.split(' ').flatMap(findProgram);
  const libraries = [...programs, process.execPath].flatMap(listLibraries);
  const files = [...new Set([...programs, ...libraries])].filter(
    (path) => path !== process.execPath,
  );
  const tar = spawn('tar', ['--create', '--dereference', '--absolute-names', ...files], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [repo, tag] = name.split(':');
  const progress = await docker.importImage(tar.stdout, { repo, tag });
  progress.resume();
  await once(progress, 'end');
}
