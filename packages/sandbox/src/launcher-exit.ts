import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { READY_LINE } from './launch-script.ts';
import type { LauncherExit } from './supervise.ts';

const STATUS_BYTES = 16 * 1024;

async function readStatus(status: Readable | null): Promise<string> {
  if (status === null) return '';
  let text = '';
  status.setEncoding('utf8');
  status.on('data', (chunk: string) => {
    if (text.length < STATUS_BYTES) text += chunk;
  });
  await finished(status).catch(() => undefined);
  return text;
}

async function waitForCode(child: ChildProcess): Promise<number> {
  const [code, signal]: unknown[] = await once(child, 'exit');
  if (typeof code === 'number') return code;
  const signals: Record<string, number> = constants.signals;
  return 128 + (signals[String(signal)] ?? 0);
}

/** `status` is what the launcher writes until the script starts, ending with the ready line. */
export async function waitForLauncher(child: ChildProcess): Promise<LauncherExit> {
  if (child.pid === undefined) {
    const [error]: unknown[] = await once(child, 'error');
    return { exitCode: 127, isReady: false, error: `could not start the launcher: ${String(error)}` };
  }
  const status = readStatus(child.stderr);
  const exitCode = await waitForCode(child);
  const text = await status;
  // The launcher's shell may add a remark on how the script died.
  return { exitCode, isReady: text.split('\n').includes(READY_LINE), error: text };
}
