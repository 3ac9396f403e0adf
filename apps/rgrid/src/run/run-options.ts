import { DEFAULT_LIMITS } from '@nexus/grid/constants';
import type { BatchSpec, Limits } from '@nexus/grid/contract';

import type { FlagValues } from '../flags/flag.ts';
import { parseCount, parseDuration, parseNumber, parsePair, parseSize } from '../flags/values.ts';
import { usageProblem } from '../problem.ts';
import type { TagLines } from '../terminal/tag-lines.ts';

/** The flags of `rgrid run` with their values understood. */
export interface RunOptions {
  runtime: string | null;
  image: string | null;
  sandbox: BatchSpec['sandbox'];
  network: boolean;
  limits: Limits;
  requirements: string | undefined;
  metadata: Record<string, string>;
  priority: number;
  retries: number;
  maxWaitSeconds: number | null;
  parallel: number | null;
  outputDir: string | undefined;
  isFlat: boolean;
  isRemoteOnly: boolean;
  isDetached: boolean;
  isForced: boolean;
  isFailFast: boolean;
  allowedFailures: number;
  isDryRun: boolean;
  isConfirmed: boolean;
  isQuiet: boolean;
  isJson: boolean;
  tagLines: TagLines;
  mode: 'grid' | 'local' | 'check';
  stdin: 'auto' | 'required' | 'none';
}

export function parseRunOptions(flags: FlagValues): RunOptions {
  refuseContradictions(flags);
  return {
    ...runtimeOf(flags),
    sandbox: sandboxOf(flags.text('sandbox')),
    network: flags.has('network'),
    limits: limitsOf(flags),
    requirements: flags.text('requirements'),
    metadata: metadataOf(flags.all('metadata')),
    priority: countOf(flags, 'priority', { min: -100, max: 100 }) ?? 0,
    retries: countOf(flags, 'retries', { min: 0, max: 100 }) ?? 0,
    maxWaitSeconds: maxWaitOf(flags.text('max-wait')),
    parallel: countOf(flags, 'parallel', { min: 1, max: 100_000 }) ?? null,
    outputDir: flags.text('output-dir'),
    isFlat: flags.has('flat'),
    isRemoteOnly: flags.has('remote-only'),
    isDetached: flags.has('detach'),
    isForced: flags.has('force'),
    isFailFast: flags.has('fail-fast'),
    allowedFailures: countOf(flags, 'allow-failures', { min: 0, max: 1_000_000 }) ?? 0,
    isDryRun: flags.has('dry-run'),
    isConfirmed: flags.has('yes'),
    isQuiet: flags.has('quiet'),
    isJson: flags.has('json'),
    tagLines: tagLinesOf(flags),
    mode: modeOf(flags),
    stdin: stdinOf(flags),
  };
}

/** What workers look for, as they call it; a version may follow (`python3.12`). */
const RUNTIMES = ['python', 'node', 'bash', 'sh', 'ruby', 'perl', 'php', 'lua', 'julia', 'Rscript'];

/** `python3.12` is a runtime of the worker, anything with `:`, `/` or `@` an image, and the rest a mistake. */
function runtimeOf(flags: FlagValues): { runtime: string | null; image: string | null } {
  const runtime = flags.text('runtime') ?? null;
  const image = flags.text('image') ?? null;
  if (runtime === '' || image === '') throw usageProblem('--runtime and --image need a name');
  if (runtime === null) return { runtime, image };
  const isImage = /[:/@]/.test(runtime);
  if (isImage && image !== null)
    throw usageProblem(`--runtime ${runtime} is an image too: give one of --runtime and --image`);
  if (isImage) return { runtime: null, image: runtime };
  // In an image it is the name of a program there, which may be any.
  if (image === null && !RUNTIMES.includes(runtime.replace(/[\d.]+$/, '')))
    throw usageProblem(
      `--runtime ${runtime}: not one of ${RUNTIMES.join(', ')}; an image is written with its tag (${runtime}:latest)`,
    );
  return { runtime, image };
}

function sandboxOf(text: string | undefined): BatchSpec['sandbox'] {
  switch (text) {
    case undefined:
      return null;
    case 'docker':
    case 'bubblewrap':
    case 'namespaces':
    case 'process':
      return text;
    default:
      throw usageProblem(`--sandbox ${text}: choose docker, bubblewrap, namespaces or process`);
  }
}

function limitsOf(flags: FlagValues): Limits {
  const cpu = flags.text('cpu');
  const timeout = flags.text('timeout');
  const limits: Limits = {
    ...DEFAULT_LIMITS,
    ...(cpu === undefined ? {} : { cpus: parseNumber('cpu', cpu, { min: 0.1, max: 512 }) }),
    ...(timeout === undefined ? {} : { timeoutSeconds: parseDuration('timeout', timeout) }),
  };
  for (const limit of SIZE_LIMITS)
    limits[limit.property] = sizeLimit(flags, limit) ?? limits[limit.property];
  if (limits.timeoutSeconds > 30 * 24 * 3600) throw usageProblem('--timeout: at most 30d');
  return limits;
}

function maxWaitOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seconds = parseDuration('max-wait', text);
  if (seconds >= 1 && seconds <= 30 * 24 * 3600) return seconds;
  throw usageProblem(`--max-wait ${text}: from 1s to 30d`);
}

interface SizeLimit {
  flag: string;
  property: keyof Limits;
  minBytes: number;
}

const SIZE_LIMITS: readonly SizeLimit[] = [
  { flag: 'memory', property: 'memoryBytes', minBytes: 16 * 1024 ** 2 },
  { flag: 'disk', property: 'diskBytes', minBytes: 1024 ** 2 },
  { flag: 'max-log', property: 'logBytes', minBytes: 1024 ** 2 },
];

function sizeLimit(flags: FlagValues, { flag, minBytes }: SizeLimit): number | undefined {
  const text = flags.text(flag);
  if (text === undefined) return undefined;
  const bytes = parseSize(flag, text);
  if (bytes >= minBytes) return bytes;
  throw usageProblem(`--${flag} ${text}: at least ${minBytes / 1024 ** 2}MiB`);
}

function countOf(
  flags: FlagValues,
  name: string,
  range: { min: number; max: number },
): number | undefined {
  const text = flags.text(name);
  return text === undefined ? undefined : parseCount(name, text, range);
}

function metadataOf(pairs: readonly string[]): Record<string, string> {
  const metadata = Object.fromEntries(pairs.map((pair) => parsePair('metadata', pair)));
  for (const [name, value] of Object.entries(metadata)) {
    if (name.length > 100) throw usageProblem('--metadata: a name has at most 100 characters');
    if (value.length > 1000)
      throw usageProblem(`--metadata ${name}: a value has at most 1000 characters`);
  }
  return metadata;
}

function modeOf(flags: FlagValues): RunOptions['mode'] {
  if (flags.has('check')) return 'check';
  return flags.has('local') ? 'local' : 'grid';
}

function stdinOf(flags: FlagValues): RunOptions['stdin'] {
  if (flags.has('stdin')) return 'required';
  return flags.has('no-stdin') ? 'none' : 'auto';
}

function tagLinesOf(flags: FlagValues): TagLines {
  if (flags.has('tag')) return 'always';
  return flags.has('no-tag') ? 'never' : 'auto';
}

const CONTRADICTIONS: readonly (readonly [string, string])[] = [
  ['local', 'check'],
  ['local', 'detach'],
  ['check', 'detach'],
  ['stdin', 'no-stdin'],
  ['quiet', 'json'],
  ['tag', 'no-tag'],
];

function refuseContradictions(flags: FlagValues): void {
  for (const [one, other] of CONTRADICTIONS) {
    if (flags.has(one) && flags.has(other))
      throw usageProblem(`--${one} and --${other} exclude each other`);
  }
}
