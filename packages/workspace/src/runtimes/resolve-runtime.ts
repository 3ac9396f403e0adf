import { basename, dirname, extname } from 'node:path';

import type { Interpreters } from './interpreters.ts';

export interface RuntimeRequest {
  scriptName: string;
  /** The first bytes of the script, enough for a `#!` line. */
  firstBytes: Buffer;
  mode: number;
  /** `python`, `python3.12`, `node`, `bash`, …; null: found out from the script. */
  requested: string | null;
  /** In an image interpreters have their usual names, whatever this machine has. */
  isImage: boolean;
  interpreters: Interpreters;
}

export interface ResolvedRuntime {
  name: string;
  version: string;
  /** Goes before the script; empty: the script is started itself. */
  argvPrefix: string[];
  mounts: string[];
  /** Folders that go first on PATH. */
  path: string[];
}

export type RuntimeResolution =
  | { ok: true; runtime: ResolvedRuntime }
  | { ok: false; reason: string };

const BY_EXTENSION: Readonly<Record<string, string>> = {
  '.py': 'python',
  '.js': 'node',
  '.mjs': 'node',
  '.cjs': 'node',
  '.ts': 'node',
  '.mts': 'node',
  '.cts': 'node',
  '.sh': 'sh',
  '.bash': 'bash',
  '.pl': 'perl',
  '.rb': 'ruby',
  '.R': 'Rscript',
  '.r': 'Rscript',
  '.php': 'php',
  '.lua': 'lua',
  '.jl': 'julia',
};

const PROGRAM_IN_IMAGE: Readonly<Record<string, string>> = { python: 'python3' };

/** How a script is started: as asked, else by its `#!` line where that says more, else by its extension. */
export function resolveRuntime(request: RuntimeRequest): RuntimeResolution {
  if (request.requested !== null) return useInterpreter(request, request.requested, []);
  const byExtension = BY_EXTENSION[extname(request.scriptName)];
  const shebang = parseShebang(request.firstBytes);
  // `script.sh` may well ask for bash; `script.py` with `#!/usr/bin/env python3` only says it again.
  if (shebang && (byExtension === undefined || byExtension === 'sh'))
    return useShebang(request, shebang);
  if (byExtension !== undefined) return useInterpreter(request, byExtension, []);
  if ((request.mode & 0o111) !== 0) return { ok: true, runtime: executable() };
  return {
    ok: false,
    reason: `how to run ${request.scriptName} is not clear: it has no known extension, no #! line and is not executable; say it with --runtime`,
  };
}

interface Shebang {
  program: string;
  args: string[];
}

export function parseShebang(firstBytes: Buffer): Shebang | undefined {
  const line = /^#![ \t]*([^\r\n]+)/.exec(firstBytes.toString('latin1'))?.[1]?.trim();
  if (!line) return undefined;
  const words = line.split(/\s+/);
  if (words[0] === undefined || basename(words[0]) !== 'env')
    return { program: words[0] ?? '', args: words.slice(1) };
  const rest = words.slice(1).filter((word) => word !== '-S' && !word.includes('='));
  return rest[0] === undefined ? undefined : { program: rest[0], args: rest.slice(1) };
}

function useShebang(request: RuntimeRequest, { program, args }: Shebang): RuntimeResolution {
  const name = basename(program).replace(/^python3?$/, 'python');
  if (request.isImage || request.interpreters.has(name)) return useInterpreter(request, name, args);
  if (!program.startsWith('/')) return missing(request, name);
  // Not one of those we know: the kernel would start just this.
  return { ok: true, runtime: { ...executable(), argvPrefix: [program, ...args] } };
}

function useInterpreter(
  request: RuntimeRequest,
  wanted: string,
  args: string[],
): RuntimeResolution {
  const name = wanted === 'python3' ? 'python' : wanted;
  if (request.isImage) {
    const argvPrefix = [PROGRAM_IN_IMAGE[name] ?? name, ...args];
    return { ok: true, runtime: { name, version: 'image', argvPrefix, mounts: [], path: [] } };
  }
  const interpreter = request.interpreters.get(name);
  if (!interpreter) return missing(request, name);
  const { path, version, mounts } = interpreter;
  const folders = mounts.length > 0 ? [dirname(path)] : [];
  const isTypeScript = /\.[cm]?ts$/.test(request.scriptName);
  const flags = isTypeScript ? (interpreter.typeScriptFlags ?? []) : [];
  return {
    ok: true,
    runtime: { name, version, argvPrefix: [path, ...flags, ...args], mounts, path: folders },
  };
}

function missing({ scriptName, interpreters }: RuntimeRequest, name: string): RuntimeResolution {
  const here = [...interpreters.keys()]
    .filter((known) => known !== 'npm')
    .toSorted()
    .join(', ');
  return {
    ok: false,
    reason: `${scriptName} needs ${name}, which this worker does not have (it has ${here})`,
  };
}

function executable(): ResolvedRuntime {
  return { name: 'executable', version: '', argvPrefix: [], mounts: [], path: [] };
}
