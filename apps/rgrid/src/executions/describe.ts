import { formatBytes } from '@nexus/kit/bytes';
import type { Batch, Execution, StateCounts } from '@nexus/grid/contract';

import { exitCodeText, stateWord } from '../run/outcome.ts';
import type { Output } from '../terminal/output.ts';
import { formatDuration, formatEuros, plural, printable, quoted } from '../terminal/text.ts';

export function paintState(
  output: Output,
  state: Execution['state'],
  text = stateWord(state),
): string {
  return output.paint(STATE_STYLES[state] ?? 'dim', text);
}

const STATE_STYLES: Partial<Record<Execution['state'], 'green' | 'red' | 'cyan'>> = {
  succeeded: 'green',
  failed: 'red',
  timed_out: 'red',
  out_of_memory: 'red',
  lost: 'red',
  leased: 'cyan',
  running: 'cyan',
  publishing: 'cyan',
};

/** How long it ran, or has been running. */
export function runTime({ startedAt, finishedAt }: Execution, now: number): string {
  if (startedAt === null) return '';
  return formatDuration(
    (finishedAt === null ? now : Date.parse(finishedAt)) - Date.parse(startedAt),
  );
}

/** `3 m ago`, roughly. */
export function age(time: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Without an output no colours: in a table their letters would count as columns. */
export function describeCounts(counts: StateCounts, output?: Output): string {
  // Object.keys of an object with exactly these keys.
  const states = (Object.keys(counts) as Execution['state'][]).filter((state) => counts[state] > 0);
  if (states.length === 0) return 'nothing';
  const words = states.map((state) => `${counts[state]} ${stateWord(state)}`);
  return words.map((text, index) => paintCount(output, states[index], text)).join(', ');
}

function paintCount(
  output: Output | undefined,
  state: Execution['state'] | undefined,
  text: string,
): string {
  return output && state ? paintState(output, state, text) : text;
}

/** What `rgrid status` says of one execution, name and value. */
export function executionFields(
  output: Output,
  execution: Execution,
  now: number,
): [string, string][] {
  const { usage, outputs, logs } = execution;
  const fields: [string, string | undefined][] = [
    ['execution', execution.id],
    ['state', paintState(output, execution.state)],
    ['exit code', execution.exitCode === null ? undefined : exitCodeText(execution)],
    ['reason', execution.reason === null ? undefined : printable(execution.reason)],
    ['waiting', describeWaitingField(execution, now)],
    ['command', [execution.script, ...execution.args].map(quoted).join(' ')],
    ['input', execution.input ? quoted(execution.input.path) : undefined],
    ['worker', execution.workerName ?? undefined],
    ['sandbox', execution.sandbox ?? undefined],
    ['queued', timeField(execution.queuedAt, now)],
    ['started', timeField(execution.startedAt, now)],
    ['finished', timeField(execution.finishedAt, now)],
    ['ran', runTime(execution, now) || undefined],
    ['processor', usage.cpuMs === null ? undefined : formatDuration(usage.cpuMs)],
    ['memory', usage.maxMemoryBytes === null ? undefined : formatBytes(usage.maxMemoryBytes)],
    [
      'output',
      outputs
        ? `${plural(outputs.fileCount, 'file')}, ${formatBytes(outputs.sizeBytes)}`
        : undefined,
    ],
    ['stdout', formatBytes(logs.stdoutBytes)],
    ['stderr', formatBytes(logs.stderrBytes)],
    ['dropped', logs.droppedBytes > 0 ? `${formatBytes(logs.droppedBytes)} of both` : undefined],
    ['attempts', attemptsField(execution)],
    ['result of', execution.reusedFrom ?? undefined],
    ['retried as', execution.retriedAs ?? undefined],
    ['cost', formatEuros(execution.costMicros)],
    ['metadata', metadataField(execution.metadata)],
  ];
  return present(fields);
}

export function batchFields(output: Output, batch: Batch, now: number): [string, string][] {
  const { spec } = batch;
  return present([
    ['batch', batch.id],
    ['state', describeCounts(batch.counts, output)],
    ['script', quoted(spec.script)],
    ['runtime', spec.image ?? spec.runtime ?? undefined],
    ['project', quoted(spec.root)],
    ['parallel', batch.parallel?.toString()],
    ['priority', batch.priority === 0 ? undefined : String(batch.priority)],
    ['submitted', timeField(batch.createdAt, now)],
    ['finished', timeField(batch.finishedAt, now)],
    ['by', batch.keyName],
    ['cost', formatEuros(batch.costMicros)],
    ['metadata', metadataField(batch.metadata)],
  ]);
}

function present(fields: readonly (readonly [string, string | undefined])[]): [string, string][] {
  return fields.flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
}

function describeWaitingField({ waiting }: Execution, now: number): string | undefined {
  if (!waiting) return undefined;
  const until = waiting.until === null ? 0 : Date.parse(waiting.until) - now;
  return `${printable(waiting.message)}${until > 1000 ? ` (about ${formatDuration(until)} more)` : ''}`;
}

function attemptsField({ epoch, retriesUsed, timesLost }: Execution): string | undefined {
  if (epoch <= 1) return undefined;
  const why = [
    ...(retriesUsed > 0 ? [plural(retriesUsed, 'retry', 'retries')] : []),
    ...(timesLost > 0 ? [`${timesLost} lost`] : []),
  ];
  return `${epoch}${why.length > 0 ? ` (${why.join(', ')})` : ''}`;
}

function timeField(time: string | null, now: number): string | undefined {
  return time === null
    ? undefined
    : `${time.slice(0, 19).replace('T', ' ')} UTC (${age(time, now)})`;
}

function metadataField(metadata: Readonly<Record<string, string>>): string | undefined {
  const pairs = Object.entries(metadata).map(([name, value]) => quoted(`${name}=${value}`));
  return pairs.length > 0 ? pairs.join(' ') : undefined;
}
