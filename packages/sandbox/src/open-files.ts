import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

// The script's uid has to walk through and read these whatever umask the worker was started with,
// and a mode given at creation is cut by the umask.

export async function makeOpenDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
}

export async function writeOpenFile(path: string, content: string): Promise<void> {
  await writeFile(path, content);
  await chmod(path, 0o644);
}
