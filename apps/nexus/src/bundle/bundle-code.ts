import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const WORKER = fileURLToPath(import.meta.resolve('@nexus/worker/main'));

/**
 * The worker and everything it imports, as few files without types. What is loaded only when it is
 * needed stays a file of its own.
 */
export async function bundleWorkerCode(folder: string): Promise<void> {
  const bundle = await rolldown({
    // Relative to the repository: where that lies on this machine is nobody's business.
    cwd: ROOT,
    input: { main: relative(ROOT, WORKER) },
    platform: 'node',
    // Older packages ask for their folder in the words of CommonJS.
    transform: { define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' } },
    // Compiled parts of the SSH client in Docker's: it does without them, and workers without SSH.
    external: [/\.node$/, 'cpu-features'],
    onLog: (_level, log) => {
      throw new Error(`could not bundle the worker: ${log.message}`);
    },
  });
  const { output } = await bundle.generate({
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
  });
  await bundle.close();
  await mkdir(folder, { recursive: true });
  for (const file of output) {
    if (file.type !== 'chunk') throw new Error(`the worker needs ${file.fileName} as a file`);
    await mkdir(dirname(join(folder, file.fileName)), { recursive: true });
    await writeFile(join(folder, file.fileName), file.code);
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
}
