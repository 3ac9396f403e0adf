import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { READY_LINE } from './launch-script.ts';
import type { Launched, LaunchReport } from './supervise.ts';

const STATUS_BYTES = 16 * 1024;

/** What the launcher writes until the script starts, ending with the ready line. */
export async function readStatus(status: Readable | null): Promise<string> {
  if (status === null) return '';
  let text = '';
  status.setEncoding('utf8');
  status.on('data', (chunk: string) => {
    if (text.length < STATUS_BYTES) text += chunk;
  });
  await finished(status).catch(() => undefined);
  return text;
}

export function reportOf(text: string): LaunchReport {
  // The launcher's shell may add a remark on how the script died.
  return { isReady: text.split('\n').includes(READY_LINE), error: text };
}

function waitForCode(child: ChildProcess): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once('exit', (code, signal) => {
    resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
  });
  return promise;
}

function waitForError(child: ChildProcess): Promise<Error> {
  const { promise, resolve } = Promise.withResolvers<Error>();
  child.once('error', resolve);
  return promise;
}

/** The child's stderr is its status. */
export function followLauncher(child: ChildProcess): Pick<Launched, 'exited' | 'report'> {
  if (child.pid === undefined) {
    const failed = waitForError(child);
    return {
      exited: failed.then(() => 127),
      report: async () => ({
        isReady: false,
        error: `could not start the launcher: ${(await failed).message}`,
      }),
    };
  }
  const status = readStatus(child.stderr);
  return {
    exited: waitForCode(child),
    report: async () => reportOf(await status),
  };
}
