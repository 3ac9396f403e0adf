import { formatBytes } from '@nexus/kit/bytes';
import type { ManifestEntry } from '@nexus/grid/contract';
import type { Relocation } from '@nexus/workspace/layout';

import { stateWord } from '../run/outcome.ts';
import { printable, shorten } from '../terminal/text.ts';
import type { Observation, StreamDigest } from './observation.ts';

/** One thing that was looked at on both sides. */
export interface Comparison {
  what: string;
  here: string;
  there: string;
  isSame: boolean;
}

/** A script run plainly here would be given, and may print, what stands on the left. */
export function relocationRows(
  relocations: readonly Relocation[],
  { args, root }: { args: readonly string[]; root: string },
): Comparison[] {
  return relocations
    .filter(
      ({ path }) => path === root || args.some((arg) => arg === path || arg.endsWith(`=${path}`)),
    )
    .map(({ path, inside }) => row(path === root ? 'project folder' : 'argument', path, inside));
}

/** Everything that a script may be judged by, one row each. */
export function compare(here: Observation, there: Observation): Comparison[] {
  return [
    row('exit code', endOf(here), endOf(there)),
    streamRow('stdout', here.stdout, there.stdout),
    streamRow('stderr', here.stderr, there.stderr),
    ...outputRows(here.outputs.entries, there.outputs.entries),
  ];
}

function row(what: string, here: string, there: string): Comparison {
  return { what, here, there, isSame: here === there };
}

function endOf({ state, exitCode }: Observation): string {
  const hasOwnCode = (state === 'succeeded' || state === 'failed') && exitCode !== null;
  return hasOwnCode ? String(exitCode) : stateWord(state);
}

function streamRow(what: string, here: StreamDigest, there: StreamDigest): Comparison {
  if (here.sha256 === there.sha256) {
    const text = `${formatBytes(here.sizeBytes)} ${here.sha256.slice(0, 12)}`;
    return { what, here: text, there: text, isSame: true };
  }
  const line = firstDifference(here.head, there.head);
  const describe = (digest: StreamDigest) =>
    `${formatBytes(digest.sizeBytes)}${line === undefined ? '' : `, line ${line}: ${lineOf(digest.head, line)}`}`;
  return { what, here: describe(here), there: describe(there), isSame: false };
}

/** Number of the first line that differs, counted from 1; undefined if the beginnings are the same. */
function firstDifference(here: Buffer, there: Buffer): number | undefined {
  const length = Math.min(here.length, there.length);
  let position = 0;
  while (position < length && here[position] === there[position]) position += 1;
  if (position === here.length && position === there.length) return undefined;
  let line = 1;
  for (let index = 0; index < position; index += 1) if (here[index] === 0x0a) line += 1;
  return line;
}

function lineOf(head: Buffer, line: number): string {
  const text = head.toString('utf8').split('\n')[line - 1];
  return text === undefined || text === ''
    ? '(nothing)'
    : JSON.stringify(shorten(printable(text), 40));
}

function outputRows(here: readonly ManifestEntry[], there: readonly ManifestEntry[]): Comparison[] {
  const ours = new Map(here.map((entry) => [entry.path, entry]));
  const theirs = new Map(there.map((entry) => [entry.path, entry]));
  const paths = [...new Set([...ours.keys(), ...theirs.keys()])].sort();
  return paths.map((path) => row(path, entryText(ours.get(path)), entryText(theirs.get(path))));
}

function entryText(entry: ManifestEntry | undefined): string {
  if (!entry) return '(not there)';
  switch (entry.type) {
    case 'file':
      return `${formatBytes(entry.sizeBytes)} ${entry.sha256.slice(0, 12)} ${entry.mode.toString(8)}`;
    case 'directory':
      return `folder ${entry.mode.toString(8)}`;
    case 'symlink':
      return `link to ${entry.target}`;
  }
}
